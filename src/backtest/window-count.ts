// Runs the live fold over the readings as one partition, to count the closed base windows and the
// readings too late for theirs. Scores do not depend on it.
import { emptyReading } from '../sensors/reading.ts';
import type { Semantics } from '../sensors/semantics.ts';
import { createShardState } from '../sensors/shard-state.ts';

export interface WindowCounts {
  readonly windows: number;
  readonly late: number;
}

export interface WindowCounter {
  add(sensorId: string, timestampMs: number, value: number): void;
  counts(): WindowCounts;
}

/** Returns a counter without readings. */
export function createWindowCounter(semantics: Semantics): WindowCounter {
  const state = createShardState({ ...semantics, windows: [] }, { watermark: 'own' });
  const encoder = new TextEncoder();
  const idBytes = new Map<string, Uint8Array>();
  const reading = emptyReading();
  let [closed, late, offset] = [0, 0, 0];
  const closedWindows = { windowClosed: (): void => void (closed += 1) };
  return {
    add(sensorId, timestampMs, value) {
      let bytes = idBytes.get(sensorId);
      if (bytes === undefined) idBytes.set(sensorId, (bytes = encoder.encode(sensorId)));
      reading.idBytes = bytes;
      reading.idStart = 0;
      reading.idEnd = bytes.length;
      reading.timestampMs = timestampMs;
      reading.value = value;
      // History has no record time: the reading's own timestamp stands for it.
      if (state.fold(reading, timestampMs, offset, closedWindows)?.code === 'late') late += 1;
      offset += 1;
    },
    counts: () => ({ windows: closed + state.openWindowCount, late }),
  };
}
