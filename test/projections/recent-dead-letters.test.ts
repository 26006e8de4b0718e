import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { systemClock } from '../../src/clock.ts';
import { openEmbeddedLog } from '../../src/log/embedded/embedded-log.ts';
import type { EventLog } from '../../src/log/event-log.ts';
import {
  RecentDeadLetters,
  type RecentDeadLettersOptions,
} from '../../src/projections/recent-dead-letters.ts';
import type { OutputRecord } from '../../src/records/record.ts';
import { recordingLogger } from './recorded.ts';

const topic = 'raw_readings.dlq';
const bounds = { lettersPerReasonMax: 3, reasonsMax: 8, tailRecordsMax: 100, bytesMax: 1_000_000 };

let dataDir: string;
let log: EventLog;

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'sensorium-letters-'));
  log = openEmbeddedLog({ dataDir, clock: systemClock, logger: recordingLogger() });
  await log.ensureTopics([{ topic, partitions: 2 }]);
});

afterEach(async () => {
  await log.close();
  rmSync(dataDir, { recursive: true, force: true });
});

/** The letter of the record at `offset` of partition 5 of the input. */
function letter(
  offset: number,
  over: {
    readonly reason?: string;
    readonly value?: string | Uint8Array | null;
    readonly partition?: number;
  } = {},
): OutputRecord {
  const { reason = 'late', value = '{}', partition = 0 } = over;
  const headers = {
    ...{ 'dlq.reason': reason, 'dlq.message': `refused ${offset}`, 'dlq.topic': 'raw_readings' },
    ...{ 'dlq.partition': '5', 'dlq.offset': String(offset) },
  };
  return {
    ...{ topic, partition, key: Buffer.from('pump'), timestampMs: 1_000 + offset },
    value: typeof value === 'string' ? Buffer.from(value) : value,
    headers: Object.entries(headers).map(([key, text]) => ({ key, value: Buffer.from(text) })),
  };
}

function recentLetters(over: Partial<RecentDeadLettersOptions> = {}): RecentDeadLetters {
  return new RecentDeadLetters({ log, topic, ...bounds, ...over });
}

const offsetsOf = async (recent: RecentDeadLetters, reason?: string): Promise<number[]> =>
  (await recent.newest(10, reason)).letters.map(({ offset }) => offset);

describe('the newest dead letters', () => {
  it('are those of all partitions, as committed at the question', async () => {
    const recent = recentLetters();
    await log.append([letter(1), letter(2, { partition: 1 })]);

    const before = await recent.newest(10);
    await log.append([letter(3, { reason: 'value_type' })]);

    expect(before.counts).toEqual({ late: 2 });
    expect((await offsetsOf(recent)).sort()).toEqual([1, 2, 3]);
    expect(await offsetsOf(recent, 'value_type')).toEqual([3]);
    expect((await recent.newest(10)).counts).toEqual({ late: 2, value_type: 1 });
  });

  it('say why and where each record was refused, and how it begins', async () => {
    await log.append([letter(7, { value: '{"sensor_id":"a\u202eb"}' })]);

    const [first] = (await recentLetters().newest(1)).letters;

    expect(first).toMatchObject({
      ...{ reason: 'late', message: 'refused 7', topic: 'raw_readings', partition: 5, offset: 7 },
      ...{ key: 'pump', value: '{"sensor_id":"a\\u202eb"}', value_bytes: 21 },
      dead_letter: { partition: 0, offset: 0 },
    });
  });

  it.each([
    ['no value', null, null],
    ['bytes that are no text', Buffer.from([0xff, 0, 0x10]), '0xff0010'],
    ['a control sequence', '\u001b[2J', '\\u001b[2J'],
    ['a character that is cut', 'é'.repeat(700), `${'é'.repeat(300)}…`],
    ['much', '😀'.repeat(2_000), `${'😀'.repeat(150)}…`],
  ])('show %s as a line of text', async (_, value, shown) => {
    await log.append([letter(1, { value })]);

    expect((await recentLetters().newest(1)).letters[0]?.value).toBe(shown);
  });

  it('are counted beyond those that are kept, and a flood of one reason leaves the others', async () => {
    const recent = recentLetters();
    await log.append([letter(0, { reason: 'value_type' })]);
    for (let offset = 1; offset <= 20; offset += 1) await log.append([letter(offset)]);

    const { counts, letters } = await recent.newest(100);

    expect(counts).toEqual({ late: 20, value_type: 1 });
    expect(letters.length).toBeLessThanOrEqual(1 + 2 * bounds.lettersPerReasonMax);
    expect(letters.some(({ reason }) => reason === 'value_type')).toBe(true);
    expect(letters.some(({ offset }) => offset === 20)).toBe(true);
  });

  it('leave out what is too old, and what is too much for one question, and say so', async () => {
    const value = 'x'.repeat(100);
    await log.append([0, 1, 2, 3, 4, 5, 6, 7].map((offset) => letter(offset, { value })));
    await log.append([8, 9].map((offset) => letter(offset, { value, partition: 1 })));
    const recent = recentLetters({ tailRecordsMax: 5, bytesMax: 250, lettersPerReasonMax: 100 });

    const first = await recent.newest(10);
    const second = await recent.newest(10);

    expect(first.letters.map(({ offset }) => offset).sort()).toEqual([3, 4, 5, 6, 7]);
    expect(first.unread).toBe(3 + 2);
    expect(second.letters).toHaveLength(7);
    expect(second.unread).toBe(3);
  });

  it('are none of other programs, nor of a topic that does not exist', async () => {
    await log.append([{ topic, key: null, value: Buffer.from('?'), headers: [] }]);

    const none = { counts: {}, unread: 0, letters: [] };
    expect(await recentLetters().newest(9)).toEqual({ ...none, not_ours: 1 });
    expect(await recentLetters({ topic: 'gone' }).newest(9)).toEqual({ ...none, not_ours: 0 });
  });

  it('keep few reasons apart', async () => {
    await log.append(['a', 'b', 'c', 'd'].map((reason, at) => letter(at, { reason })));

    expect((await recentLetters({ reasonsMax: 2 }).newest(9)).counts).toEqual({
      ...{ a: 1, b: 1, other: 2 },
    });
  });
});
