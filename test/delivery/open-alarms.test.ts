import { describe, expect, it } from 'vitest';

import { systemClock } from '../../src/clock.ts';
import { UnavailableError } from '../../src/errors.ts';
import type { StandingAlarm } from '../../src/delivery/alertmanager.ts';
import type { PostOutcome } from '../../src/delivery/alarm-target.ts';
import { resendAll, startResending, type AlarmedSensor } from '../../src/delivery/open-alarms.ts';
import { createDeliveryMetrics } from '../../src/metrics/delivery-metrics.ts';
import { HandClock } from '../projections/recorded.ts';
import { keepingLogger, type LoggedLine } from '../supervisor/keeping-logger.ts';

const never = new AbortController().signal;
const nowMs = Date.now();

function sensor(sensor_id: string, open: number, muted_until: number | null = null): AlarmedSensor {
  const alarm = { cause: 'reading', channel: 'spike', opened_at: 1, score: 4, acknowledged: false };
  const alarms = Array.from({ length: open }, (_, index) => ({ alarm_id: `1-${index}`, ...alarm }));
  return {
    sensor_id,
    alarms: { open: alarms as StandingAlarm[], muted_until, sensitivity: 1, direction: 'both' },
  };
}

function resending(
  pages: readonly (readonly AlarmedSensor[] | Error)[],
  outcome: PostOutcome = { type: 'delivered' },
) {
  const sent: StandingAlarm[][] = [];
  const asked: (string | undefined)[] = [];
  const lines: LoggedLine[] = [];
  const metrics = createDeliveryMetrics();
  return {
    ...{ sent, asked, lines, metrics },
    options: {
      target: {
        name: 'alertmanager' as const,
        post: () => Promise.resolve(outcome),
        resend: (alarms: readonly StandingAlarm[]) => {
          sent.push([...alarms]);
          return Promise.resolve(outcome);
        },
      },
      clock: systemClock,
      logger: keepingLogger(lines),
      metrics,
      sensorsAfter: (after: string | undefined) => {
        asked.push(after);
        const page = pages[asked.length - 1] ?? [];
        return page instanceof Error ? Promise.reject(page) : Promise.resolve(page);
      },
    },
  };
}

describe('open alarms', () => {
  it('are all sent again, page by page, except those of muted sensors', async () => {
    const { asked, options, sent } = resending([
      [sensor('a', 2), sensor('b', 1, nowMs + 3_600_000)],
      [sensor('c', 1, nowMs - 1), sensor('d', 700)],
    ]);

    expect(await resendAll(options, never)).toBeUndefined();

    expect(asked).toEqual([undefined, 'b', 'd']);
    expect(sent.map(({ length }) => length)).toEqual([2, 500, 201]);
    expect(new Set(sent.flat().map(({ sensor_id }) => sensor_id))).toEqual(
      new Set(['a', 'c', 'd']),
    );
  });

  it('wait for the next round where a worker or the target does not answer', async () => {
    const worker = resending([[sensor('a', 1)], new UnavailableError('no answer')]);
    const target = resending([[sensor('a', 1)]], { type: 'refused', reason: 'it answered 400' });

    expect(await resendAll(worker.options, never)).toBe('no answer');
    expect(await resendAll(target.options, never)).toBe('it answered 400');
  });

  it('are sent once a minute, and a failure is counted each time and logged once', async () => {
    const clock = new HandClock();
    const away: PostOutcome = { type: 'failed', reason: 'away', retryAfterMs: 0 };
    const { asked, lines, metrics, options } = resending(
      Array.from({ length: 3 }, () => [sensor('a', 1)]),
      away,
    );
    const rounds = startResending({ ...options, clock });

    for (const round of [1, 2, 3]) {
      clock.advance(60_000);
      const failures = async (): Promise<number | undefined> =>
        (await metrics.resendFailures.get()).values[0]?.value;
      await expect.poll(failures, { timeout: 60_000 }).toBe(round);
    }
    await rounds.close();

    expect(asked).toHaveLength(3);
    expect(lines).toHaveLength(1);
  });
});
