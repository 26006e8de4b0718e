// The kernel's fold against the fold itself: whatever rows it takes, at whatever places commands come between and a
// snapshot is restored, state and outputs are the same to the last bit.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { createBatchFolder } from '../../src/actors/fold-batch.ts';
import { createOutbox } from '../../src/actors/outbox.ts';
import {
  encodeShardSnapshot,
  emptyMemory,
  type ShardMemory,
} from '../../src/actors/shard-memory.ts';
import { alarmEventOf } from '../../src/codecs/alarm-event.ts';
import { createKernel } from '../../src/kernel/kernel.ts';
import type { OutputRecord } from '../../src/records/record.ts';
import { encodeRecordBatch } from '../../src/log/record-batch-encoder.ts';
import { recordCursor } from '../../src/log/record-batch.ts';
import { seededRandom } from '../../src/producer/seeded-random.ts';
import {
  createShardState,
  restoreShardState,
  type AlarmChange,
  type AnomalousReading,
  type ClosedWindow,
  type PresenceChange,
  type Semantics,
  type ShardState,
  type ShardStateOptions,
} from '../../src/sensors/shard-state.ts';
import type { ScannedRows } from '../../src/sensors/row-kernel.ts';
import { defaultSemantics, semantics } from '../arbitraries/settings.ts';
import { stream } from '../arbitraries/streams.ts';
import type { OracleReading } from '../models/oracle.ts';
import { holds, runs, titled } from '../seed.ts';
import { simulatedTopics as topics } from '../simulation/simulated-process.ts';

type Command = 'quarantine' | 'release' | 'reset' | 'restore';

interface History {
  readonly settings: Semantics;
  readonly readings: readonly OracleReading[];
  /** Where a batch ends and a command comes, by index. */
  readonly cuts: readonly { readonly at: number; readonly command: Command; readonly id: string }[];
}

/** Sensors whose values wander little, so that baselines get warm; now and then a spike, a late reading, a jump. */
const steady = (settings: Semantics): fc.Arbitrary<readonly OracleReading[]> =>
  fc
    .record({
      seed: fc.nat(),
      sensors: fc.integer({ min: 1, max: 5 }),
      fastMs: fc.constantFrom(0, 1, settings.watermarkDelayMs + 1, settings.maxAheadMs),
      length: fc.integer({ min: 100, max: 900 }),
    })
    .map(({ seed, sensors, fastMs, length }) => {
      const random = seededRandom(seed, 0).uniform;
      let frontMs = 1_700_000_000_000;
      let stuckFor = 0;
      return Array.from({ length }, (_, index) => {
        const pause = random() < 0.01 ? 1 : random() < 0.03 ? 0.3 : 0;
        frontMs += (pause > 0 ? pause : random() / 50) * settings.windowMs;
        const behindMs = random() < 0.1 ? random() * 2 * settings.watermarkDelayMs : 0;
        const spike = random() < 0.01 ? 5 * (random() - 0.5) : 0;
        const sensor = Math.floor(random() * sensors);
        stuckFor = random() < 0.01 ? 40 : stuckFor - 1;
        const recordTimestampMs = Math.floor(frontMs - behindMs);
        return {
          offset: index,
          sensorId: `sensor_${sensor}`,
          timestampMs: sensor === 0 ? recordTimestampMs + fastMs : recordTimestampMs,
          value:
            random() < 0.02 || stuckFor > 0
              ? -0
              : 20 + Math.sin(index / 30) + 0.1 * random() + spike,
          recordTimestampMs,
        };
      });
    });

const history: fc.Arbitrary<History> = semantics().chain((settings) =>
  fc.record({
    settings: fc.constant(settings),
    readings: fc.oneof(
      { weight: 3, arbitrary: steady(settings) },
      { weight: 1, arbitrary: stream({ ...settings, leading: true, lengthMax: 300 }) },
    ),
    cuts: fc.array(
      fc.record({
        at: fc.nat(900),
        command: fc.constantFrom<Command>('quarantine', 'release', 'reset', 'restore'),
        id: fc.constantFrom('sensor_0', 'sensor_1', 'sensor_001', 'a'),
      }),
      { maxLength: 6 },
    ),
  }),
);

interface Folded {
  readonly snapshot: Uint8Array;
  readonly outputs: readonly OutputRecord[];
  readonly position: number;
  readonly sourceMaxMs: number;
  /** Of clocks that lead by more than the delay, since the last restore. */
  readonly fastReadings: number;
  readonly fastestMs: number | undefined;
}

/** Returns what the history comes to, folded by a kernel or without one. */
function folded({ settings, readings, cuts }: History, byKernel: boolean): Folded {
  const shard = { topic: topics.input, partition: 0 };
  const outbox = createOutbox({
    ...{ featureRow: windowRecord, anomaly: anomalyRecord, presence: eventRecord },
    alarm: alarmEvent,
  });
  const folder = createBatchFolder({
    shard,
    topics,
    semantics: settings,
    forwarding: { partitions: 1, clock: '0/1/0' },
    outbox,
  });
  const outputs: OutputRecord[] = [];
  const memory = withState(settings, byKernel, (options) => createShardState(settings, options));
  const ends = [...new Set([...cuts.map(({ at }) => at), readings.length])].sort((a, b) => a - b);
  let from = 0;
  for (const end of ends) {
    const batch = batchOf(readings.slice(from, end));
    if (batch !== undefined) {
      const records = recordCursor(batch);
      if (records.next()) folder.fold(memory, records, Infinity);
    }
    for (const { at, command, id } of cuts) {
      if (at !== end) continue;
      outputs.push(...outbox.take().records);
      const { state } = memory;
      if (command === 'restore') {
        const restored = withState(settings, byKernel, (options) =>
          restoreShardState(state.snapshot(), settings, options),
        );
        Object.assign(memory, { state: restored.state, scanner: restored.scanner });
      } else state[command](id);
    }
    from = Math.max(from, end);
  }
  outputs.push(...outbox.take().records);
  const { position, sourceMaxMs } = memory;
  const { leaders, readings: fastReadings } = memory.state.fastClocks.take();
  return {
    snapshot: encodeShardSnapshot(memory, shard, 0),
    outputs,
    position,
    sourceMaxMs,
    fastReadings,
    fastestMs: leaders[0]?.leadMs,
  };
}

function withState(
  settings: Semantics,
  byKernel: boolean,
  create: (options: ShardStateOptions) => ShardState,
): ShardMemory {
  const kernel = byKernel ? createKernel() : undefined;
  const state = create({ watermark: 'own', kernel });
  return { ...emptyMemory('source', settings, 0), state, scanner: kernel?.scanner };
}

function batchOf(readings: readonly OracleReading[]): Uint8Array | undefined {
  const inRange = readings.filter(({ recordTimestampMs }) => Math.abs(recordTimestampMs) < 2 ** 50);
  if (inRange.length === 0) return undefined;
  const records = inRange.map(({ sensorId, timestampMs, value, recordTimestampMs }) => ({
    topic: topics.input,
    key: Buffer.from(sensorId),
    value: Buffer.from(
      `{"sensor_id":${JSON.stringify(sensorId)},"timestamp":${timestampMs},` +
        `"value":${Object.is(value, -0) ? '-0' : value}}`,
    ),
    timestampMs: recordTimestampMs,
  }));
  return encodeRecordBatch(records, { baseOffset: inRange[0]?.offset ?? 0, timestampMs: 0 });
}

const windowRecord = (window: ClosedWindow): OutputRecord => ({
  topic: topics.output,
  key: Uint8Array.from(window.idBytes.subarray(window.idStart, window.idEnd)),
  value: Float64Array.of(
    window.windowEndMs,
    window.count,
    window.mean,
    window.m2,
    window.lastOffset,
  ) as never,
});

const anomalyRecord = ({ offset, value, judgement, score }: AnomalousReading): OutputRecord => ({
  topic: topics.anomalies,
  key: null,
  value: Float64Array.of(offset, value, judgement.z, judgement.mean, score) as never,
});

const alarmEvent = (change: AlarmChange): OutputRecord => ({
  topic: topics.anomalies,
  key: Uint8Array.from(change.idBytes.subarray(change.idStart, change.idEnd)),
  value: Buffer.from(JSON.stringify(alarmEventOf(change))),
});

const eventRecord = (change: PresenceChange): OutputRecord => ({
  topic: topics.anomalies,
  key: Uint8Array.from(change.idBytes.subarray(change.idStart, change.idEnd)),
  value: Buffer.from(
    JSON.stringify([change.kind, change.timestampMs, change.sinceMs, change.silentAfterMs]),
  ),
});

it(titled('the kernel folds as the fold does, bit for bit'), async () => {
  await holds(
    fc.property(history, (told) => {
      expect(folded(told, true)).toEqual(folded(told, false));
    }),
    runs(400),
  );
});

it('the kernel leaves a reading to the host that shows a silence before the next look at sensors', () => {
  // Sensors are looked through at multiples of 762 ms: at 6,096 and 6,858 after the start.
  const settings = { ...defaultSemantics, watermarkDelayMs: 0, silentAfterMs: 6_100 };
  const startMs = 762 * settings.windowMs;
  const others = [...Array(24).keys()].map((index) => ['b', 10 + 250 * index] as const);
  const told: History = {
    settings,
    readings: [
      ...(
        [['a', 0], ...others, ['b', 6_097], ['b', 6_105], ['a', 6_200], ['b', 6_210]] as const
      ).map(([sensorId, afterMs], offset) => {
        const timestampMs = startMs + afterMs;
        return { offset, sensorId, timestampMs, recordTimestampMs: timestampMs, value: 20 };
      }),
    ],
    cuts: [{ at: 27, command: 'reset', id: 'nobody' }],
  };

  const byKernel = folded(told, true);

  expect(byKernel).toEqual(folded(told, false));
  const events = byKernel.outputs.filter(({ topic }) => topic === topics.anomalies);
  expect(events.map(({ value }) => Buffer.from(value ?? []).toString())).toEqual([
    expect.stringMatching(/^\["offline"/),
    expect.stringMatching(/^\["online"/),
  ]);
});

it('the kernel keeps the alarms of many sensors, through a snapshot', () => {
  const sensors = 300;
  const settings: Semantics = {
    ...{ ...defaultSemantics, baseline: 'cumulative', watermarkDelayMs: 0 },
    ...{ alarmResolveAfterMs: 60_000, sensorsMax: 1_000 },
  };
  const steps = 200;
  const readings = Array.from({ length: sensors * steps }, (_, offset) => {
    const [step, sensor] = [Math.floor(offset / sensors), offset % sensors];
    const timestampMs = 1_700_000_000_000 + 1_000 * step + sensor;
    const value = step === 120 ? 1_000 : 20 + Math.sin(step + sensor);
    return { offset, sensorId: `s${sensor}`, timestampMs, recordTimestampMs: timestampMs, value };
  });
  const told: History = {
    settings,
    readings,
    cuts: [{ at: 130 * sensors, command: 'restore', id: '' }],
  };

  const byKernel = folded(told, true);

  expect(byKernel).toEqual(folded(told, false));
  const kinds = byKernel.outputs
    .map(({ value }) => /"kind":"(alarm_\w+)"/.exec(Buffer.from(value ?? []).toString())?.[1])
    .filter((kind) => kind !== undefined);
  const count = (wanted: string): number => kinds.filter((kind) => kind === wanted).length;
  expect(count('alarm_opened')).toBeGreaterThanOrEqual(sensors);
  expect(count('alarm_resolved')).toBe(count('alarm_opened'));
});

describe('the kernel', () => {
  /** Rows that it folds of a day of one sensor a second, and all rows. */
  function taken(
    settings: Semantics,
    sensorOf = (index: number): number => index % 10,
  ): { readonly byKernel: number; readonly all: number } {
    const kernel = createKernel();
    const hashKey = { low: 0xfedcba98, high: 0x76543210 };
    const state = createShardState(settings, { watermark: 'own', kernel, hashKey });
    let byKernel = 0;
    const counting: ShardState = Object.create(state, {
      foldRows: {
        value: (rows: ScannedRows, row: number, until: number) => {
          const next = state.foldRows(rows, row, until);
          byKernel += next - row;
          return next;
        },
      },
    }) as ShardState;
    const scanner = kernel?.scanner;
    const memory = { ...emptyMemory('source', settings, 0), state: counting, scanner };
    const outbox = createOutbox({ featureRow: windowRecord, anomaly: () => undefined });
    const folder = createBatchFolder({
      shard: { topic: topics.input, partition: 0 },
      topics,
      semantics: settings,
      forwarding: { partitions: 1, clock: '0/1/0' },
      outbox,
    });
    const all = 3_000;
    const readings = Array.from({ length: all }, (_, index) => ({
      offset: index,
      sensorId: `sensor_${sensorOf(index)}`,
      timestampMs: 1_700_000_000_000 + 100 * index,
      value: 20 + Math.sin(index / 70),
      recordTimestampMs: 1_700_000_000_000 + 100 * index,
    }));
    const records = recordCursor(batchOf(readings) ?? new Uint8Array(0));
    records.next();
    folder.fold(memory, records, Infinity);
    return { byKernel, all };
  }

  it.each(['cumulative', 'adaptive', 'robust'] as const)(
    'takes nearly all rows (%s)',
    (baseline) => {
      const { byKernel, all } = taken({ ...defaultSemantics, baseline });

      expect(byKernel).toBeGreaterThan(0.9 * all);
      expect(byKernel).toBeLessThan(all);
    },
  );

  it('finds ids by their keyed hash, in whatever order they come', () => {
    const { byKernel, all } = taken(defaultSemantics, (index) => (7 * index * index) % 10);

    expect(byKernel).toBeGreaterThan(0.9 * all);
  });

  it('takes none where a feature needs more than it knows', () => {
    const features = [...defaultSemantics.features, 'sum'];

    expect(taken({ ...defaultSemantics, features }).byKernel).toBe(0);
  });

  it('leaves columns that do not fit its memory to the fold', () => {
    const told = {
      settings: { ...defaultSemantics, sensorsMax: 100_000_000 },
      readings: fc.sample(steady(defaultSemantics), { seed: 7, numRuns: 1 })[0] ?? [],
      cuts: [],
    };

    expect(taken(told.settings).byKernel).toBe(0);
    expect(folded(told, true)).toEqual(folded(told, false));
  });

  it('leaves columns that have outgrown their place in its memory to the fold', () => {
    const settings = { ...defaultSemantics, sensorsMax: 40 };
    const calm = fc.sample(steady(settings), { seed: 7, numRuns: 1 })[0] ?? [];
    // Forty ids of 256 bytes, where 64 each were thought of.
    const readings = calm.map((reading, index) => ({
      ...reading,
      sensorId: String(Math.floor(index / 2) % 40).padStart(256, 'x'),
    }));
    const told = { settings, readings, cuts: [] };

    expect(folded(told, true)).toEqual(folded(told, false));
  });
});
