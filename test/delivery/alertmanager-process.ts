// A real Alertmanager (Debian's, by scripts/setup-tests.sh) on a port of its own, to be killed and
// started again. It notifies `notifyUrl`, by pipeline and site.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { freePort } from '../free-port.ts';
import { eventually } from '../integration/program.ts';

export interface ActiveAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface AlertmanagerProcess {
  readonly url: string;
  start(): Promise<void>;
  /** kill -9. */
  kill(): Promise<void>;
  /** Removes what it has stored. */
  forget(): void;
  /** @throws where it is away. */
  active(): Promise<readonly ActiveAlert[]>;
  stop(): Promise<void>;
}

const command = 'prometheus-alertmanager';

export function alertmanagerInstalled(): boolean {
  return spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;
}

export async function prepareAlertmanager(notifyUrl: string): Promise<AlertmanagerProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'sensorium-alertmanager-'));
  const storage = join(folder, 'data');
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  writeFileSync(
    join(folder, 'alertmanager.yml'),
    `route: { receiver: test, group_by: [pipeline, site], group_wait: 1s, group_interval: 1s }
receivers: [{ name: test, webhook_configs: [{ url: '${notifyUrl}' }] }]
`,
  );
  let child: ChildProcess | undefined;
  const kill = async (): Promise<void> => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
  };
  return {
    url,
    async start() {
      const started = spawn(
        command,
        [
          `--config.file=${folder}/alertmanager.yml`,
          `--storage.path=${storage}`,
          `--web.listen-address=127.0.0.1:${port}`,
          '--cluster.listen-address=',
        ],
        { cwd: folder, stdio: 'ignore' },
      );
      child = started;
      await eventually(
        async () => {
          if (started.exitCode !== null) throw new Error(`it exited with ${started.exitCode}`);
          const { status } = await fetch(`${url}/-/ready`);
          if (status !== 200) throw new Error(`it answered ${status}`);
        },
        { timeoutMs: 60_000 },
      );
    },
    kill,
    forget: () => rmSync(storage, { recursive: true, force: true }),
    async active() {
      const response = await fetch(`${url}/api/v2/alerts?active=true`);
      if (response.status !== 200) throw new Error(await response.text());
      return (await response.json()) as ActiveAlert[];
    },
    async stop() {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
