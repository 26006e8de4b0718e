import { describe, expect, it } from 'vitest';

import { systemClock } from '../../src/clock.ts';
import { deferred } from '../../src/deferred.ts';
import { UnavailableError } from '../../src/errors.ts';
import { MqttIntake } from '../../src/ingest/mqtt-intake.ts';
import type { MqttMessage } from '../../src/ingest/mqtt-session.ts';
import type { EventLog } from '../../src/log/event-log.ts';
import { keepingLogger, type LoggedLine } from '../supervisor/keeping-logger.ts';

interface Taken {
  readonly acknowledged: string[];
  message(payload: string, isRetained?: boolean): MqttMessage;
}

function messages(): Taken {
  const acknowledged: string[] = [];
  return {
    acknowledged,
    message: (payload, isRetained = false) => ({
      ...{ topic: 't', payload: Buffer.from(payload), isRetained },
      acknowledge: () => void acknowledged.push(payload),
    }),
  };
}

function intakeOn(append: EventLog['append'], lines: LoggedLine[] = []): MqttIntake {
  return new MqttIntake({
    log: { append },
    recordsOf: ({ payload }) => ({
      records: [{ topic: 'readings', key: null, value: payload }],
      refused: [],
    }),
    inFlightMax: 3,
    clock: { nowMs: () => 0, sleep: (_ms, signal) => systemClock.sleep(1, signal) },
    logger: keepingLogger(lines),
  });
}

describe('messages of MQTT', () => {
  it('are acknowledged once the log has them, those that came meanwhile with the next append', async () => {
    const appends: { values: string[]; done: () => void }[] = [];
    const intake = intakeOn((records) => {
      const { promise, resolve } = deferred<[]>();
      const values = records.map(({ value }) => Buffer.from(value ?? []).toString());
      appends.push({ values, done: () => resolve([]) });
      return promise;
    });
    const { acknowledged, message } = messages();

    intake.take(message('a'));
    await expect.poll(() => appends.length).toBe(1);
    intake.take(message('b'));
    expect(intake.whenRoom()).toBeUndefined();
    intake.take(message('c'));
    const room = intake.whenRoom();
    expect(acknowledged).toEqual([]);
    appends[0]?.done();
    await room;

    expect(acknowledged).toEqual(['a']);
    await expect.poll(() => appends.length).toBe(2);
    appends[1]?.done();
    await intake.close();
    expect(acknowledged).toEqual(['a', 'b', 'c']);
    expect(appends.map(({ values }) => values)).toEqual([['a'], ['b', 'c']]);
  });

  it('wait for a log that is away, with one line in the log, and are not acknowledged by a stop', async () => {
    const lines: LoggedLine[] = [];
    let failures = 3;
    const intake = intakeOn(() => {
      failures -= 1;
      return failures < 0 ? Promise.resolve([]) : Promise.reject(new UnavailableError('away'));
    }, lines);
    const { acknowledged, message } = messages();

    intake.take(message('a'));
    await expect.poll(() => acknowledged).toEqual(['a']);
    expect(lines.map(({ message: line }) => line)).toEqual(['MQTT messages wait for the log']);

    failures = Infinity;
    intake.take(message('b'));
    await expect.poll(() => lines.length).toBe(2);
    await intake.close();
    expect(acknowledged).toEqual(['a']);
  });

  it('that the broker had retained are no readings', async () => {
    const intake = intakeOn(() => Promise.reject(new Error('nothing is appended')));
    const { acknowledged, message } = messages();

    intake.take(message('old', true));
    await intake.close();

    expect(acknowledged).toEqual(['old']);
    expect((await intake.metrics.retained.get()).values[0]?.value).toBe(1);
  });
});
