import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { describe, expect, it } from 'vitest';

import { freePort } from '../free-port.ts';
import { eventually, startProgram } from '../integration/program.ts';

function exitWithin(program: { exited(): Promise<unknown> }, ms: number): Promise<unknown> {
  const late = new Promise((resolve) => setTimeout(() => resolve('still running'), ms).unref());
  return Promise.race([program.exited(), late]);
}

function linesOf(output: string): readonly string[] {
  return output.split('\n').filter((line) => line !== '' && !line.startsWith('{'));
}

describe('run on the embedded default', () => {
  it('prints the addresses of page, health and API, one line each, and that the readings are simulated', async () => {
    const program = await startProgram({ LOG_LEVEL: '' });
    try {
      await program.ready();

      const lines = linesOf(program.output());
      expect(lines.filter((line) => line.startsWith('page '))).toEqual([`page    ${program.url}/`]);
      expect(lines.filter((line) => line.startsWith('health '))).toHaveLength(1);
      expect(lines.filter((line) => line.startsWith('API '))).toHaveLength(1);
      expect(lines.filter((line) => line.includes('SIMULATED'))).toHaveLength(1);
      // Nothing happens, so it says nothing more.
      expect(lines).toHaveLength(6);
      await eventually(
        async () => {
          const answer = await fetch(`${program.url}/sensors/sensor_007`);
          expect(answer.status).toBe(200);
        },
        { timeoutMs: 20_000 },
      );
    } finally {
      await program.kill();
    }
  });

  it('stops on SIGTERM within ten seconds with exit code 0 and a last line that says so', async () => {
    const program = await startProgram({});
    await program.ready();

    program.signal('SIGTERM');

    expect(await exitWithin(program, 10_000)).toBe(0);
    expect(linesOf(program.output()).at(-1)).toBe('stopped; all work is committed');
  });

  it('treats two signals in quick succession as one stop, as `timeout` and terminals send them', async () => {
    const program = await startProgram({});
    await program.ready();

    // Two different ones: the system merges equal signals that come together.
    program.signal('SIGTERM');
    program.signal('SIGINT');

    expect(await exitWithin(program, 10_000)).toBe(0);
  });

  it('ends at once on a second signal, with exit code 1, and prints where the next start resumes', async () => {
    // Its threads hang, so that the stop is still under way.
    const preload = join(import.meta.dirname, '../integration/threads/hang.cjs');
    const folder = mkdtempSync(join(tmpdir(), 'sensorium-hang-'));
    const when = join(folder, 'now');
    const program = await startProgram({
      NODE_OPTIONS: `--require ${preload}`,
      HANG_WHEN: when,
      WORKERS: '1',
    });
    await program.ready();
    writeFileSync(when, '');
    // The worker and the projector.
    const hanging = (): Promise<void> => {
      expect(readdirSync(folder).length).toBe(3);
      return Promise.resolve();
    };
    await eventually(hanging, { timeoutMs: 10_000 });

    program.signal('SIGTERM');
    await delay(300);
    program.signal('SIGINT');

    expect(await exitWithin(program, 1_000)).toBe(1);
    expect(linesOf(program.output()).at(-1)).toMatch(
      /^sensorium: second SIG(INT|TERM): stopped at once; the next start resumes at the last commit$/,
    );
  });

  it('waits for brokers that are not up yet, and stops at once on a signal', async () => {
    const program = await startProgram({ KAFKA_BROKERS: '127.0.0.1:1' });
    await eventually(
      async () => {
        expect(program.output()).toContain('waiting for Kafka at 127.0.0.1:1');
      },
      { timeoutMs: 15_000 },
    );

    program.signal('SIGTERM');

    expect(await exitWithin(program, 3_000)).toBe(0);
    expect(linesOf(program.output()).at(-1)).toBe('stopped before startup was complete');
  });

  it('simulates nothing with SIMULATED_SENSORS=0', async () => {
    const program = await startProgram({ SIMULATED_SENSORS: '0' });
    try {
      await program.ready();

      expect(program.output()).not.toContain('SIMULATED');
      const answer = await fetch(`${program.url}/sensors`);
      expect(await answer.json()).toMatchObject({ sensors: [] });
    } finally {
      await program.kill();
    }
  });
});

describe('run that cannot start', () => {
  it('names all wrong settings and exits with 1', async () => {
    const program = await startProgram({ WINDOW_MS: '0', WORKERS: 'x' });

    expect(await exitWithin(program, 15_000)).toBe(1);
    expect(program.output()).toContain('sensorium: 2 settings are wrong:');
  });

  it('reports that its port is in use and exits with 1', async () => {
    const port = await freePort();
    const server = createServer().listen(port, '127.0.0.1');
    try {
      const program = await startProgram({ HTTP_PORT: String(port) });

      expect(await exitWithin(program, 30_000)).toBe(1);
      const last = linesOf(program.output()).at(-1);
      expect(last).toContain(`port ${port} on 127.0.0.1 is in use`);
    } finally {
      server.close();
    }
  });

  it('reports that DATA_DIR cannot be used and exits with 1', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'sensorium-')), 'file');
    writeFileSync(file, '');
    const program = await startProgram({ DATA_DIR: file });

    expect(await exitWithin(program, 15_000)).toBe(1);
    expect(linesOf(program.output()).at(-1)).toContain(`DATA_DIR ${file} cannot be used`);
  });

  it('refuses a DATA_DIR that another process holds; produce does too, inspect asks that process', async () => {
    const env = { DATA_DIR: mkdtempSync(join(tmpdir(), 'sensorium-')) };
    const first = await startProgram(env);
    try {
      await first.ready();

      const second = await startProgram(env);
      const producer = await startProgram(env, { args: ['produce', '--duration', '1'] });
      const port = new URL(first.url).port;
      const inspect = await startProgram({ ...env, HTTP_PORT: port }, { args: ['inspect'] });

      expect(await exitWithin(second, 15_000)).toBe(1);
      expect(await exitWithin(producer, 15_000)).toBe(1);
      for (const refused of [second, producer]) {
        expect(refused.output()).toContain(`in use by process ${first.pid}`);
      }
      expect(await exitWithin(inspect, 15_000)).toBe(0);
      expect(inspect.output()).toMatch(/raw_readings\/0 .* running/);
    } finally {
      await first.kill();
    }
  });
});
