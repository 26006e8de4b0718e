import { setTimeout as sleep } from 'node:timers/promises';
import { planOf, readingRecord } from './readings.mjs';

const stepMs = 50;

/** Appends `rate` readings a second whose event time is now, every 50 ms. */
export async function feedLive(log, { topic, rate, sensors }, signal) {
  if (rate === 0) return;
  const { keys } = planOf({ readings: sensors, sensors });
  const startedMs = performance.now();
  let sent = 0;
  while (!signal.aborted) {
    const due = Math.floor(((performance.now() - startedMs) / 1_000) * rate);
    const records = [];
    for (; sent < due; sent += 1) {
      // One step of the plan, begun now: the event time of each reading lies within this second.
      const plan = { sensors, keys, startMs: Date.now() - 1_000 };
      records.push(readingRecord(topic, plan, sent % sensors));
    }
    if (records.length > 0) await log.append(records);
    await sleep(stepMs);
  }
}
