// The real `feast serve`, or `feast ui`, over a copy of feature_repo that points at the tests' Redis.
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { freePort } from '../free-port.ts';
import { eventually } from '../integration/program.ts';

export interface FeastServer {
  readonly url: string;
  stop(): void;
}

/**
 * Applies a copy of feature_repo and serves it; resolves once it answers.
 * @param python a Python that imports feast[redis].
 */
export async function startFeastServer(
  python: string,
  redisUrl: string,
  command: 'serve' | 'ui' = 'serve',
): Promise<FeastServer> {
  const feast = join(dirname(python), 'feast');
  const repo = mkdtempSync(join(tmpdir(), 'sensorium-feast-'));
  cpSync(fileURLToPath(new URL('../../feature_repo', import.meta.url)), repo, {
    recursive: true,
    filter: (path) => !path.includes('/feature_repo/data'),
  });
  const yaml = join(repo, 'feature_store.yaml');
  const { host, pathname } = new URL(redisUrl);
  const redis = pathname.length > 1 ? `${host},db=${pathname.slice(1)}` : host;
  const text = readFileSync(yaml, 'utf8');
  writeFileSync(yaml, text.replace(/connection_string: .*/, `connection_string: ${redis}`));
  const env = { ...process.env, FEAST_USAGE: 'False' };
  const applied = spawnSync(feast, ['apply'], { cwd: repo, env, encoding: 'utf8' });
  if (applied.status !== 0) throw new Error(`feast apply: ${applied.stdout}${applied.stderr}`);
  const port = await freePort();
  const address = ['-h', '127.0.0.1', '-p', String(port)];
  const serving = command === 'serve' ? ['--workers', '1', '--no-access-log'] : [];
  // In a process group of its own, so that its workers end with it.
  const child = spawn(feast, [command, ...address, ...serving], { cwd: repo, env, detached: true });
  let printed = '';
  child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  const server = {
    url: `http://127.0.0.1:${port}`,
    stop: () => {
      if (child.exitCode === null && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      rmSync(repo, { recursive: true, force: true });
    },
  };
  await eventually(
    async () => {
      const { ok } = await fetch(`${server.url}${command === 'serve' ? '/health' : '/'}`);
      if (!ok) throw new Error('feast is not healthy');
    },
    { timeoutMs: 120_000, onTimeout: () => printed },
  ).catch((error: unknown) => {
    server.stop();
    throw error;
  });
  return server;
}
