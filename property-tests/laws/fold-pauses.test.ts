// Where a fold pauses does not matter: it changes no bit of the state, no output and not their
// order, whatever others fold meanwhile on the same thread.
import fc from 'fast-check';
import { expect, it } from 'vitest';

import { createBatchFolder } from '../../src/actors/fold-batch.ts';
import type { FoldContext } from '../../src/actors/fold-context.ts';
import type { JournalEntry } from '../../src/actors/journal.ts';
import { createOutbox } from '../../src/actors/outbox.ts';
import { JournaledFold } from '../../src/actors/journaled-fold.ts';
import { emptyMemory, encodeShardSnapshot, type ShardRole } from '../../src/actors/shard-memory.ts';
import { encodeForwardClock, sourceHeader } from '../../src/actors/source-clocks.ts';
import { scanRecords } from '../../src/codecs/record-scan.ts';
import { recordScanner } from '../../src/kernel/record-scanner.ts';
import type { FetchedBatch } from '../../src/log/event-log.ts';
import type { OutputRecord } from '../../src/records/record.ts';
import { encodeRecordBatch } from '../../src/log/record-batch-encoder.ts';
import { recordCursor } from '../../src/log/record-batch.ts';
import type { ClosedWindow } from '../../src/sensors/shard-state.ts';
import { defaultSemantics } from '../arbitraries/settings.ts';
import { stream } from '../arbitraries/streams.ts';
import { holds, runs, titled } from '../seed.ts';
import { simulatedTopics as topics } from '../simulation/simulated-process.ts';

const semantics = { ...defaultSemantics, windowMs: 1_000, watermarkDelayMs: 500, sensorsMax: 5 };
const shape = { ...semantics, leading: true, lengthMax: 300 };

interface Scenario {
  readonly role: ShardRole;
  readonly batches: readonly Uint8Array[];
  readonly records: number;
  /** Watermarks of idle marks, by the offset they lie at. */
  readonly marks: readonly { readonly offset: number; readonly watermarkMs: number }[];
  /** Asked after so many records … */
  readonly every: number;
  /** … the slice answers so, again and again. */
  readonly pauses: readonly boolean[];
}

const scenarios: fc.Arbitrary<Scenario> = fc
  .record({
    role: fc.constantFrom('source' as const, 'rekeyed' as const),
    readings: stream(shape),
    scrap: fc.array(fc.record({ at: fc.nat(300), text: fc.constantFrom('', 'x', '{', '[]') })),
    unkeyed: fc.array(fc.nat(300)),
    cuts: fc.array(fc.nat(300), { maxLength: 3 }),
    marks: fc.array(fc.record({ offset: fc.nat(300), watermarkMs: fc.integer() }), {
      maxLength: 3,
    }),
    every: fc.integer({ min: 1, max: 40 }),
    pauses: fc.array(fc.boolean(), { minLength: 1, maxLength: 8 }),
  })
  .map(({ role, readings, scrap, unkeyed, cuts, marks, ...slice }) => {
    const records = readings
      .filter(({ recordTimestampMs }) => Math.abs(recordTimestampMs) < 2 ** 50)
      .map(({ sensorId, timestampMs, value, recordTimestampMs }, index) => ({
        topic: topics.input,
        key: unkeyed.includes(index) ? null : Buffer.from(sensorId),
        value: Buffer.from(JSON.stringify({ sensor_id: sensorId, timestamp: timestampMs, value })),
        timestampMs: recordTimestampMs,
        headers: role === 'source' ? [] : [clockHeader(timestampMs)],
      }));
    for (const { at, text } of scrap) {
      const value = Buffer.from(text);
      records.splice(at, 0, { topic: topics.input, key: null, value, timestampMs: 0, headers: [] });
    }
    const batches = [0, ...cuts]
      .sort((a, b) => a - b)
      .map((from, index, sorted) => ({ from, part: records.slice(from, sorted[index + 1]) }))
      .filter(({ part }) => part.length > 0)
      .map(({ from, part }) => encodeRecordBatch(part, { baseOffset: from, timestampMs: 0 }));
    const sortedMarks = [...marks].sort((a, b) => a.offset - b.offset);
    return { role, batches, records: records.length, marks: sortedMarks, ...slice };
  });

const clockHeader = (time: number): { key: string; value: Uint8Array } => ({
  key: sourceHeader,
  value: Buffer.from(encodeForwardClock(time)),
});

/** Returns the result of the fold, pausing as `slice` says; others use the scanner in each pause. */
function folded(
  { batches, marks, records, role }: Scenario,
  slice?: FoldContext['slice'],
): { state: Uint8Array; outputs: OutputRecord[]; position: number; pauses: number } {
  const shard = { topic: role === 'source' ? topics.input : topics.rekeyed, partition: 0 };
  const memory = emptyMemory(role, semantics, 0);
  const outbox = createOutbox({ featureRow: windowRecord, anomaly: () => undefined });
  const parts = { shard, topics, semantics, forwarding: { partitions: 1, clock: '0/1/0' }, outbox };
  const folder = createBatchFolder(slice === undefined ? parts : { ...parts, slice });
  const entries = marks.map(({ offset, watermarkMs }, index): JournalEntry => ({
    ...{ version: 1, sequence: index + 1, offset },
    ...{ kind: 'idle', watermark_ms: watermarkMs },
  }));
  const replay = new JournaledFold({ memory, folder, closed: outbox, entries, end: Infinity });
  replay.begin();
  const ofRows: OutputRecord[] = [];
  const others: OutputRecord[] = [];
  let pauses = 0;
  const take = (): void => {
    for (const record of outbox.take().records) {
      (record.topic === topics.output ? ofRows : others).push(record);
    }
  };
  const batch: FetchedBatch = {
    ...{ ...shard, fetchOffset: 0, nextOffset: records, highWatermark: records, bytes: 0 },
    records: () => recordCursor(batches),
  };
  while (replay.fold(batch) === 'paused') {
    pauses += 1;
    take();
    const rival = recordCursor(rivals);
    rival.next();
    scanRecords(rival, recordScanner());
  }
  take();
  const outputs = [...ofRows, ...others];
  return {
    state: encodeShardSnapshot(memory, shard, 0),
    outputs,
    position: memory.position,
    pauses,
  };
}

const rivals = encodeRecordBatch(
  Array.from({ length: 100 }, () => ({
    topic: topics.input,
    key: Buffer.from('rival'),
    value: Buffer.from('{"sensor_id":"rival","timestamp":1,"value":7}'),
  })),
  { baseOffset: 0, timestampMs: 0 },
);

const windowRecord = (window: ClosedWindow): OutputRecord => ({
  topic: topics.output,
  key: Uint8Array.from(window.idBytes.subarray(window.idStart, window.idEnd)),
  value: Float64Array.of(window.windowEndMs, window.count, window.mean, window.m2) as never,
});

it(titled('a fold that pauses anywhere is the fold that never does, bit for bit'), async () => {
  let pausesSeen = 0;
  await holds(
    fc.property(scenarios, (scenario) => {
      let asked = 0;
      const { every, pauses } = scenario;
      const over = (): boolean => pauses[asked++ % pauses.length] ?? false;

      const { pauses: counted, ...sliced } = folded(scenario, { records: every, over });

      const { pauses: none, ...whole } = folded(scenario);
      expect(sliced).toEqual(whole);
      expect(none).toBe(0);
      pausesSeen += counted;
    }),
    runs(80),
  );

  expect(pausesSeen).toBeGreaterThan(0);
});
