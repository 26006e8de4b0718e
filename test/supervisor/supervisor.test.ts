import { afterEach, describe, expect, it, vi } from 'vitest';

import { systemClock } from '../../src/clock.ts';
import { type Config, parseConfig } from '../../src/config/config.ts';
import { UnavailableError } from '../../src/errors.ts';
import { startSupervisor, type Supervisor } from '../../src/supervisor/supervisor.ts';
import { keepingLogger, type LoggedLine } from './keeping-logger.ts';

const restart = { restartsMax: 2, periodMs: 60_000, backoff: { firstMs: 5, maxMs: 20 } };
const running: Supervisor[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((supervisor) => supervisor.drain()));
});

/** `extra` is passed to the scripted worker inside the configuration. */
function start(
  options: { extra?: object; drainTimeoutMs?: number; lines?: LoggedLine[] } = {},
): Supervisor {
  const config: Config = { ...parseConfig({ WORKERS: '2' }), ...options.extra };
  const supervisor = startSupervisor({
    config,
    logger: keepingLogger(options.lines),
    clock: systemClock,
    restart,
    drainTimeoutMs: options.drainTimeoutMs ?? 4_000,
    workerFile: new URL('threads/scripted-worker.mjs', import.meta.url),
    projectorFile: new URL('threads/scripted-projector.mjs', import.meta.url),
  });
  running.push(supervisor);
  return supervisor;
}

const eventually = (assertion: () => void): Promise<void> =>
  vi.waitFor(assertion, { interval: 5, timeout: 20_000 });

const ready = (supervisor: Supervisor): Promise<void> =>
  eventually(() => expect(supervisor.ready()).toEqual({ ready: true, reasons: [] }));

/** Makes a worker fail: the request is never answered. */
const fail = (supervisor: Supervisor, fault: string): Promise<unknown> =>
  supervisor.sensor(`fault:${fault}`).catch((error: unknown) => error);

describe('the supervisor', () => {
  it('becomes ready once all workers, their shards and the projector are running', async () => {
    const supervisor = start();
    expect(supervisor.ready().ready).toBe(false);

    await ready(supervisor);

    const { state, workers, projector, totals } = supervisor.tree();
    expect(state).toBe('running');
    expect(workers.map(({ shards }) => shards.map(({ partition }) => partition))).toEqual([
      [0],
      [1],
    ]);
    expect(projector).toMatchObject({ connected: true, lag: 4 });
    expect(totals).toMatchObject({ readings: 6, lag: 4, restarts: 0 });
    expect(supervisor.recentRows(0).rows.map((row) => row.sensor_id)).toEqual(['s0']);
  });

  it('finds a sensor on any worker', async () => {
    const supervisor = start();
    await ready(supervisor);

    expect(await supervisor.sensor('s1')).toMatchObject({ sensor_id: 's1' });
    expect(await supervisor.sensor('nobody')).toBeUndefined();
  });

  it('merges the pages of its workers', async () => {
    const supervisor = start();
    await ready(supervisor);

    const { sensors, matching } = await supervisor.sensors({
      ...{ search: '', filter: null, sort: 'id', order: 'ascending', after: null },
      ...{ shard: null, limit: 3 },
    });

    expect(sensors.map((sensor) => sensor.sensor_id)).toEqual(['s0', 's1', 't0']);
    expect(matching).toBe(4);
  });

  it('does not call a sensor unknown while a worker does not answer', async () => {
    const supervisor = start();
    await ready(supervisor);

    await expect(supervisor.sensor('mute')).rejects.toBeInstanceOf(UnavailableError);
  });

  it('merges the metrics of its threads, each partition from the worker that holds it', async () => {
    const supervisor = start();
    await ready(supervisor);

    const text = await supervisor.metrics();

    expect(text).toContain('sensorium_readings_total 20\n');
    expect(text).toContain('sensorium_snapshot_bytes{topic="raw_readings",partition="1"} 11\n');
    expect(text).not.toContain('partition="77"');
    expect(text).toMatch(/sensorium_uptime_seconds \d/);
  });

  it('restarts dead workers and becomes ready again', async () => {
    const supervisor = start();
    await ready(supervisor);

    await fail(supervisor, 'throw');
    await eventually(() => expect(supervisor.tree().totals.restarts).toBe(2));
    await ready(supervisor);

    expect(supervisor.live()).toBe(true);
    const [first] = supervisor.tree().workers;
    expect(first?.lastError?.message).toContain('a bug nobody caught');
    expect(await supervisor.metrics()).toContain(
      'sensorium_thread_restarts_total{thread="worker 0"} 1',
    );
  });

  it('gives up when a worker fails more often than the limit of restarts', async () => {
    const supervisor = start({ extra: { crashAtStart: true } });

    const error = await supervisor.gaveUp;

    expect(error.message).toMatch(/^worker \d failed 3 times within 60 s, last: broken at start$/);
    expect(supervisor.live()).toBe(false);
    expect(supervisor.tree().state).toBe('failed');
  });

  it('gives up at once when a worker reports a wrong configuration before it runs', async () => {
    const supervisor = start({ extra: { rejectsConfig: true } });

    const error = await supervisor.gaveUp;

    expect(error).toMatchObject({ code: 'CONFIG', message: 'WINDOW_MS differs from the snapshot' });
    expect(supervisor.tree().totals.restarts).toBe(0);
  });

  it('drains workers, then the projector, once', async () => {
    const lines: LoggedLine[] = [];
    const supervisor = start({ extra: { drain: 'slow' }, lines });
    await ready(supervisor);

    const reports = await Promise.all([supervisor.drain(), supervisor.drain()]);

    expect(reports).toEqual([{ unfinished: [] }, { unfinished: [] }]);
    const { state, workers, projector } = supervisor.tree();
    expect([state, projector.state, ...workers.map((worker) => worker.state)]).toEqual(
      new Array(4).fill('stopped'),
    );
    expect(lines.filter(({ message }) => message === 'supervisor drained')).toHaveLength(1);
  });

  it('terminates workers that do not drain in time, and names them', async () => {
    const supervisor = start({ extra: { drain: 'never' }, drainTimeoutMs: 400 });
    await ready(supervisor);
    const startedMs = performance.now();

    const report = await supervisor.drain();

    expect(report.unfinished).toEqual(['worker 0', 'worker 1']);
    expect(supervisor.tree().projector.state).toBe('stopped');
    expect(performance.now() - startedMs).toBeLessThan(4_000);
  });

  it('drains even when a worker is stuck in a loop', async () => {
    const supervisor = start({ drainTimeoutMs: 400 });
    await ready(supervisor);
    void fail(supervisor, 'hang');

    expect((await supervisor.drain()).unfinished).toEqual(['worker 0', 'worker 1']);
  });
});
