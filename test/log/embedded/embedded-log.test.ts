import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, onTestFinished, test } from 'vitest';

import { systemClock, type Clock } from '../../../src/clock.ts';
import { ConfigError } from '../../../src/errors.ts';
import { openEmbeddedLog } from '../../../src/log/embedded/embedded-log.ts';
import type { EventLog } from '../../../src/log/event-log.ts';
import { createLogger } from '../../../src/logger.ts';
import {
  bytes,
  eventually,
  GroupLedger,
  numbered,
  readAll,
  RecordingMember,
  valuesOf,
} from '../../contracts/event-log-harness.ts';
import { eventLogContract } from '../../contracts/event-log.contract.ts';
import { temporaryFolder } from './child-process.ts';

eventLogContract('embedded', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'embedded-log-'));
  const options = { dataDir, clock: systemClock, logger: createLogger('fatal') };
  const log = openEmbeddedLog(options);
  return {
    log,
    openAnother: async () => openEmbeddedLog(options),
    async close() {
      await log.close();
      rmSync(dataDir, { recursive: true });
    },
  };
});

function openIn(dataDir: string, clock: Clock = systemClock): EventLog {
  const log = openEmbeddedLog({ dataDir, clock, logger: createLogger('fatal') });
  onTestFinished(() => log.close());
  return log;
}

test('topics, records, positions and epochs outlive the log that wrote them', async () => {
  const dataDir = temporaryFolder();
  const input = { topic: 'input', partition: 1 };
  const first = openIn(dataDir);
  await first.ensureTopics([{ topic: 'input', partitions: 2, config: { a: 'b' } }]);
  await first.append(numbered('input', 0, 3, 1));
  const before = await first.openWriter('g', input);
  await before.commit({ nextOffset: 2, metadata: 'm', records: numbered('input', 3, 4, 1) });
  await first.close();

  const second = openIn(dataDir);

  expect(await second.describeTopic('input')).toMatchObject({ partitions: 2, config: { a: 'b' } });
  expect(await valuesOf(second, input)).toEqual(['0', '1', '2', '3']);
  expect(await second.committed('g', input)).toEqual({ nextOffset: 2, metadata: 'm' });
  const after = await second.openWriter('g', input);
  expect(Number(after.epoch)).toBeGreaterThan(Number(before.epoch));
});

test('a topic under LogAppendTime gives every record the time of its append', async () => {
  const log = openIn(temporaryFolder(), { ...systemClock, nowMs: () => 1_700_000_000_123 });
  const config = { 'message.timestamp.type': 'LogAppendTime' };
  await log.ensureTopics([{ topic: 't', partitions: 1, config }]);

  const record = { topic: 't', partition: 0, key: null, value: bytes('x') };
  await log.append([{ ...record, timestampMs: 5 }, record]);

  const records = await readAll(log, { topic: 't', partition: 0 });
  expect(records.map((each) => each.timestampMs)).toEqual([1_700_000_000_123, 1_700_000_000_123]);
});

test('a topic or partition that does not exist is a configuration error that says which exist', async () => {
  const log = openIn(temporaryFolder());
  await log.ensureTopics([{ topic: 't', partitions: 2 }]);
  const record = { key: null, value: bytes('x') };

  await expect(log.append([{ ...record, topic: 'none' }])).rejects.toThrow(/Topic none/);
  const outside = log.append([{ ...record, topic: 't', partition: 2 }]);
  await expect(outside).rejects.toBeInstanceOf(ConfigError);
  await expect(outside).rejects.toThrow(/0 to 1, not 2/);
});

test('a wall clock that is set ahead by an hour moves no partition', async () => {
  const dataDir = temporaryFolder();
  let stepMs = 0;
  const clock = { ...systemClock, nowMs: () => Date.now() + stepMs };
  const log = openIn(dataDir, clock);
  await log.ensureTopics([{ topic: 't', partitions: 4 }]);
  const ledger = new GroupLedger();
  const first = new RecordingMember('first', ledger);
  await first.join(log, 'g', 't');
  const second = new RecordingMember('second', ledger);
  const member = await second.join(openIn(dataDir, clock), 'g', 't');
  await eventually(() => expect([first.held.size, second.held.size]).toEqual([2, 2]));
  const revokedBefore = first.revocations + second.revocations;

  stepMs = 3_600_000;
  await member.heartbeatAfterNow();
  await member.heartbeatAfterNow();

  expect(first.revocations + second.revocations).toBe(revokedBefore);
  expect([first.held.size, second.held.size]).toEqual([2, 2]);
});

test('a member that was silent too long releases its partitions and rejoins, and all are held again', async () => {
  const dataDir = temporaryFolder();
  const log = openIn(dataDir);
  await log.ensureTopics([{ topic: 't', partitions: 4 }]);
  const ledger = new GroupLedger();
  const silent = new RecordingMember('silent', ledger);
  await silent.join(log, 'g', 't');
  await eventually(() => expect(silent.held.size).toBe(4));

  // In the eyes of the second member the first has been silent for 10 s.
  let aheadMs = 10_000;
  const monotonicMs = (): number => systemClock.monotonicMs() + aheadMs;
  const other = openIn(dataDir, { ...systemClock, monotonicMs });
  const second = new RecordingMember('second', ledger);
  await second.join(other, 'g', 't');
  await eventually(() => expect(silent.revocations).toBeGreaterThan(0));
  aheadMs = 0;

  await eventually(() => {
    expect([...silent.held, ...second.held].sort()).toEqual([0, 1, 2, 3]);
    expect(silent.held.size).toBe(2);
  });
  expect([...silent.failures, ...second.failures]).toEqual([]);
  await log.append(
    [0, 1, 2, 3].flatMap((partition) => numbered('t', partition, partition + 1, partition)),
  );
  await eventually(() => expect(ledger.allDelivered().sort()).toEqual(['0', '1', '2', '3']));
});
