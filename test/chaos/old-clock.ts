// A sensor whose clock is in 2000, alone in a partition: the rows of all others must come while it speaks, those of
// forwarded readings too, whose windows wait for every partition that speaks of the present.
import { setTimeout as sleep } from 'node:timers/promises';

import type { Bench } from './bench.ts';
import { appendSurely, unkeyedPrefix } from './feed.ts';

const everyMs = 500;
const slowByMs = 26 * 365 * 86_400_000;
/** For a window that ends after it began to be closed and seen, on a busy machine and beside other faults. */
const patienceMs = 300_000;

/** Speaks until a window of forwarded readings that began later has its rows. @throws where none has them in time. */
export async function speakFrom2000(bench: Bench): Promise<void> {
  const { log, topics, rows, spare } = bench;
  const beganMs = Date.now();
  const sensorId = `clock_2000_${beganMs}`;
  const isHeld = (): boolean =>
    ![...rows.newest].some(
      ([id, endMs]) => id.startsWith(unkeyedPrefix) && endMs > beganMs + 10_000,
    );
  for (let reading = 0; isHeld(); reading += 1) {
    const passedMs = Date.now() - beganMs;
    if (passedMs > patienceMs) {
      throw new Error('no row of a forwarded reading came while a sensor in 2000 spoke');
    }
    const timestamp = Date.now() - slowByMs;
    const value = JSON.stringify({ sensor_id: sensorId, timestamp, value: reading });
    const key = Buffer.from(sensorId);
    await appendSurely(log, [
      { topic: topics.input, partition: spare, key, value: Buffer.from(value) },
    ]);
    await sleep(everyMs);
  }
}
