// A commit takes out of the outbox exactly what the fold handed out, however late it becomes
// records.
import { expect, it } from 'vitest';

import { createOutbox, type Outbox } from '../../src/actors/outbox.ts';
import { parseConfig } from '../../src/config/config.ts';
import { encodeFeatureRowJson } from '../../src/codecs/feature-row.ts';
import type { OutputRecord } from '../../src/records/record.ts';
import { defaultFeatures } from '../../src/sensors/features.ts';
import { createShardState, type ClosedWindow } from '../../src/sensors/shard-state.ts';

const { semantics } = parseConfig({});
const rowContext = { topic: 'in', partition: 0, features: defaultFeatures };
const rowOf = (window: ClosedWindow): OutputRecord => ({
  topic: 'out',
  key: null,
  value: encodeFeatureRowJson(window, rowContext),
});
const textOf = ({ value }: OutputRecord): string => Buffer.from(value ?? []).toString();

it('rows made after the fold went on are those of the windows as they closed', () => {
  const state = createShardState(semantics, { watermark: 'own' });
  const outbox = createOutbox({ featureRow: rowOf, anomaly: () => undefined });
  const atOnce: string[] = [];
  const both = {
    windowClosed: (window: ClosedWindow): void => {
      atOnce.push(textOf(rowOf(window)));
      outbox.windowClosed(window);
    },
  };
  const foldMinute = (minute: number): void => {
    // Ever more sensors, so that the ids' bytes move; more than a chunk of copies.
    for (let sensor = 0; sensor < 1_000 * (minute + 1); sensor += 1) {
      const idBytes = Buffer.from(`sensor_${sensor}`);
      const timestampMs = minute * semantics.windowMs + semantics.watermarkDelayMs;
      const reading = { idBytes, idStart: 0, idEnd: idBytes.length, timestampMs, value: sensor };
      state.fold(reading, timestampMs, minute * 10_000 + sensor, both);
    }
  };
  foldMinute(0);
  foldMinute(1);
  foldMinute(2);
  expect(outbox.featureRows).toBe(3_000);
  const first = outbox.take();
  foldMinute(3);

  expect([...first.records].map(textOf)).toEqual(atOnce.slice(0, 3_000));
  expect([...first.records].map(textOf)).toEqual(atOnce.slice(0, 3_000));
  expect([...outbox.take().records].map(textOf)).toEqual(atOnce.slice(3_000));
  expect(atOnce.length).toBe(6_000);
});

it('windows of another state than the first are refused', () => {
  const outbox = createOutbox({ featureRow: rowOf, anomaly: () => undefined });
  closeOneWindow(outbox);

  expect(() => closeOneWindow(outbox)).toThrow('of one state');
});

it('counts the sensors forgotten since the last commit, and none that a replay forgets again', () => {
  const outbox = createOutbox({ featureRow: rowOf, anomaly: () => undefined });
  const state = createShardState(
    { ...semantics, sensorTtlMs: 10 * semantics.windowMs },
    { watermark: 'external' },
  );
  const foldOne = (id: string, timestampMs: number): void => {
    const idBytes = Buffer.from(id);
    const reading = { idBytes, idStart: 0, idEnd: idBytes.length, timestampMs, value: 1 };
    state.fold(reading, timestampMs, 0, outbox);
  };
  outbox.muted = true;
  foldOne('replayed', 0);
  state.advanceWatermark(20 * semantics.windowMs, outbox);
  outbox.muted = false;
  for (const id of ['a', 'b']) foldOne(id, 20 * semantics.windowMs);
  state.advanceWatermark(40 * semantics.windowMs, outbox);

  expect(state.sensorCount).toBe(0);
  expect(outbox.take().sensorsForgotten).toBe(2);
  expect(outbox.take().sensorsForgotten).toBe(0);
});

it('is full of rows that are not made yet as of any other', () => {
  const state = createShardState(semantics, { watermark: 'external' });
  const outbox = createOutbox({ featureRow: rowOf, anomaly: () => undefined });
  for (let sensor = 0; sensor < 50_000; sensor += 1) {
    const idBytes = Buffer.from(`sensor_${sensor}`);
    const reading = { idBytes, idStart: 0, idEnd: idBytes.length, timestampMs: 0, value: 1 };
    state.fold(reading, 0, sensor, outbox);
  }
  expect(outbox.full).toBe(false);

  state.advanceWatermark(semantics.windowMs, outbox);

  expect(outbox.full).toBe(true);
  outbox.take();
  expect(outbox.full).toBe(false);
});

function closeOneWindow(outbox: Outbox): void {
  const state = createShardState(semantics, { watermark: 'external' });
  const idBytes = Buffer.from('a');
  state.fold({ idBytes, idStart: 0, idEnd: 1, timestampMs: 0, value: 1 }, 0, 0, outbox);
  state.advanceWatermark(semantics.windowMs, outbox);
}
