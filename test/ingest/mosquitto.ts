// Debian's MQTT broker for tests: of its own port and folder, killed and started again at will.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';

import { freePort } from '../free-port.ts';
import { eventually } from '../integration/program.ts';

const program = process.env['MOSQUITTO'] ?? '/usr/sbin/mosquitto';

/** Whether mosquitto is installed (scripts/setup-tests.sh). */
export const hasMosquitto: boolean =
  spawnSync(program, ['-h'], { stdio: 'ignore' }).error === undefined;

export interface Mosquitto {
  readonly url: string;
  start(): Promise<void>;
  /** Has it write all it holds to its file; what came before this is in the file then. */
  save(): Promise<void>;
  /** kill -9. */
  kill(): Promise<void>;
}

/** Returns a broker that is not started yet; it keeps its sessions and messages in a file. */
export async function createMosquitto(settings: readonly string[] = []): Promise<Mosquitto> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'sensorium-mosquitto-'));
  const file = join(folder, 'mosquitto.conf');
  const lines = [
    ...[`listener ${port} 127.0.0.1`, 'persistence true', `persistence_location ${folder}/`],
    // Saved when the test says so: in between, only memory has what was acknowledged.
    ...['autosave_interval 0', 'max_queued_messages 0', 'user root', ...settings],
    ...(settings.some((line) => line.startsWith('allow_anonymous'))
      ? []
      : ['allow_anonymous true']),
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  let child: ChildProcess | undefined;
  return {
    url: `mqtt://127.0.0.1:${port}`,
    async start() {
      child = spawn(program, ['-c', file], { stdio: 'ignore' });
      await eventually(() => answers(port), { timeoutMs: 10_000 });
    },
    async save() {
      const database = join(folder, 'mosquitto.db');
      const savedBefore = savedMs(database);
      child?.kill('SIGUSR1');
      await eventually(
        async () => {
          if (savedMs(database) === savedBefore) throw new Error('mosquitto has not saved');
        },
        { timeoutMs: 10_000 },
      );
    },
    async kill() {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

function savedMs(database: string): number {
  return statSync(database, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

async function answers(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect').finally(() => socket.destroy());
}
