// Alarms are delivered at least once and in order, whatever the target answers and whenever the
// deliverer is stopped. The log, the queue and the group are the real ones; the target is a list of
// answers. An answer may get lost: the target has taken the alarms, and the deliverer does not know.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';

import { systemClock, type Clock } from '../../src/clock.ts';
import type { AlarmEvent } from '../../src/codecs/alarm-event.ts';
import type { AlarmTarget, PostOutcome } from '../../src/delivery/alarm-target.ts';
import { startDeliverer, type DelivererOptions } from '../../src/delivery/deliverer.ts';
import { openEmbeddedLog } from '../../src/log/embedded/embedded-log.ts';
import { createDeliveryMetrics } from '../../src/metrics/delivery-metrics.ts';
import { alarmEvent } from '../../test/delivery/alarm-events.ts';
import { keepingLogger } from '../../test/supervisor/keeping-logger.ts';
import { runs, titled } from '../seed.ts';

const topic = 'anomalies';
const partitions = 3;
/** Waits are short, so that a history takes no longer than its answers. */
const clock: Clock = {
  ...systemClock,
  sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 2), signal),
};

/** The fate of one post; `stop`: the deliverer is stopped before it hears of the answer. */
const fates = fc.constantFrom('taken', 'taken', 'failed', 'lost', 'stop', 'stop after taking');
type Fate = 'taken' | 'failed' | 'lost' | 'stop' | 'stop after taking';

const histories = fc.record({
  /** Alarms of each sensor, one after the other: each opens, and is resolved. */
  alarms: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 6 }),
  /** Records appended at a time. */
  batch: fc.integer({ min: 1, max: 10 }),
  siteLevels: fc.nat(1),
  fates: fc.array(fates, { maxLength: 12 }),
});

interface Heard {
  readonly id: string;
  readonly event: AlarmEvent;
}

function eventsOf(alarms: readonly number[]): readonly AlarmEvent[] {
  return alarms
    .flatMap((count, sensor) =>
      Array.from({ length: 2 * count }, (_, step) => ({
        step,
        sensor,
        alarm: Math.floor(step / 2),
      })),
    )
    .sort((a, b) => a.step - b.step)
    .map(({ step, sensor, alarm }) =>
      alarmEvent({
        sensor_id: `plant${sensor % 2}/s${sensor}`,
        alarm_id: `${sensor}-${alarm}`,
        kind: step % 2 === 0 ? 'alarm_opened' : 'alarm_resolved',
      }),
    );
}

async function heardIn(history: {
  readonly alarms: readonly number[];
  readonly batch: number;
  readonly siteLevels: number;
  readonly fates: readonly Fate[];
}): Promise<readonly Heard[]> {
  const dataDir = mkdtempSync(join(tmpdir(), 'sensorium-delivery-law-'));
  const logger = keepingLogger();
  const log = openEmbeddedLog({ dataDir, clock: systemClock, logger });
  const events = eventsOf(history.alarms);
  const heard: Heard[] = [];
  const fatesLeft = [...history.fates];
  let onTurn: () => void = () => undefined;
  const target: AlarmTarget = {
    name: 'webhook',
    post: ({ notices }): Promise<PostOutcome> => {
      const fate = fatesLeft.shift() ?? 'taken';
      const isTaken = fate !== 'failed' && fate !== 'stop';
      if (isTaken) heard.push(...notices.map(({ id, event }) => ({ id, event })));
      if (fate.startsWith('stop')) onTurn();
      else if (new Set(heard.map(({ id }) => id)).size === events.length) onTurn();
      return Promise.resolve(
        fate === 'taken'
          ? { type: 'delivered' }
          : { type: 'failed', reason: fate, retryAfterMs: 0 },
      );
    },
  };
  const options: DelivererOptions = {
    ...{ log, topic, groupId: 'g', target, clock, logger, metrics: createDeliveryMetrics() },
    ...{ siteLevels: history.siteLevels, groupWaitMs: 2 },
  };
  try {
    await log.ensureTopics([{ topic, partitions }]);
    for (let at = 0; at < events.length; at += history.batch) {
      await log.append(
        events.slice(at, at + history.batch).map((event) => ({
          ...{ topic, key: Buffer.from(event.sensor_id) },
          value: Buffer.from(JSON.stringify(event)),
        })),
      );
    }
    while (new Set(heard.map(({ id }) => id)).size < events.length) {
      const turn = new Promise<void>((resolve) => (onTurn = resolve));
      const deliverer = startDeliverer(options);
      await turn;
      await deliverer.close();
    }
  } finally {
    await log.close();
    rmSync(dataDir, { recursive: true, force: true });
  }
  return heard;
}

it(
  titled('every alarm is delivered, and none is heard to end before it is heard to begin'),
  async () => {
    await fc.assert(
      fc.asyncProperty(histories, async (history) => {
        const heard = await heardIn(history);

        const opened = new Set<string>();
        const byId = new Map<string, string>();
        for (const { id, event } of heard) {
          if (event.kind === 'alarm_opened') opened.add(event.alarm_id);
          expect(opened).toContain(event.alarm_id);
          // The id names one record, in every delivery.
          const text = JSON.stringify(event);
          expect(byId.get(id) ?? text).toBe(text);
          byId.set(id, text);
        }
        expect([...byId.values()].sort()).toEqual(
          eventsOf(history.alarms)
            .map((event) => JSON.stringify(event))
            .sort(),
        );
      }),
      runs(25),
    );
  },
  300_000,
);
