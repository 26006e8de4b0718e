// The verdict on a reading, asked before it is folded.
import { describe, expect, it } from 'vitest';

import { defaultSemantics } from '../../property-tests/arbitraries/settings.ts';
import { createShardState, type ShardState } from '../../src/sensors/shard-state.ts';
import { knownStream } from './known-stream.ts';

const sensorId = 'sensor_001';
const idBytes = Buffer.from(sensorId);
const startMs = 1_700_000_000_000;

describe.each(['adaptive', 'cumulative', 'robust'] as const)(
  'a preview over a %s baseline',
  (baseline) => {
    const semantics = { ...defaultSemantics, baseline };

    it('finds each anomaly and alarm that the fold then counts, and no other', () => {
      const state = createShardState(semantics, { watermark: 'own' });
      const previewed = { anomalies: 0, alarms: 0 };
      const counted = { anomalies: 0, alarms: 0 };

      for (const [index, value] of knownStream(600).entries()) {
        const preview = state.preview(sensorId, value, timestampMs(index));
        if (preview?.anomaly === true) previewed.anomalies += 1;
        if (preview?.alarm === true) previewed.alarms += 1;
        fold(state, index, value, counted);
      }
      state.advanceWatermark(startMs * 2, counting(counted));

      expect(previewed).toEqual(counted);
      expect(counted.anomalies).toBeGreaterThan(3);
      expect(counted.alarms > 0).toBe(baseline !== 'cumulative');
    });

    it('changes nothing', () => {
      const state = createShardState(semantics, { watermark: 'own' });
      knownStream(400).forEach((value, index) => fold(state, index, value));
      const before = state.snapshot();

      state.preview(sensorId, 99, timestampMs(400));

      expect(Buffer.compare(state.snapshot(), before)).toBe(0);
    });

    it('knows no sensor that was never folded', () => {
      const state = createShardState(semantics, { watermark: 'own' });

      expect(state.preview(sensorId, 20, startMs)).toBeUndefined();
    });
  },
);

describe('a preview of an alarm', () => {
  it('says how much rest is left after the last one, and what part of the score the range gave', () => {
    const state = createShardState(
      { ...defaultSemantics, baseline: 'adaptive' },
      {
        watermark: 'own',
      },
    );
    const values = knownStream(300);
    const lastAlarm = values.findIndex((value, index) => {
      const alarm = state.preview(sensorId, value, timestampMs(index))?.alarm === true;
      fold(state, index, value);
      return alarm;
    });
    const restBefore = state.preview(sensorId, 20, startMs)?.alarmView?.restLeft ?? 0;
    fold(state, 300, 20);

    const preview = state.preview(sensorId, 60, startMs);

    expect(lastAlarm).toBeGreaterThan(0);
    expect(restBefore).toBe(preview?.alarmView?.restReadings);
    expect(preview?.alarmView?.restLeft).toBeLessThan(restBefore);
    expect(preview?.alarmView?.rangeScore).toBe(preview?.score);
    expect(preview?.alarmView?.high).toBeLessThan(60);
  });
});

interface Counts {
  anomalies: number;
  alarms: number;
}

const timestampMs = (index: number): number => startMs + 1_000 * index;

function fold(state: ShardState, index: number, value: number, counts?: Counts): void {
  const timeMs = timestampMs(index);
  const reading = { idBytes, idStart: 0, idEnd: idBytes.length, timestampMs: timeMs, value };
  state.fold(reading, timeMs, index, counting(counts ?? { anomalies: 0, alarms: 0 }));
}

const counting = (counts: Counts): Parameters<ShardState['fold']>[3] => ({
  windowClosed({ anomalyCount, alarmCount }) {
    counts.anomalies += anomalyCount;
    counts.alarms += alarmCount;
  },
});
