import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { systemClock } from '../../src/clock.ts';
import { ConfigError } from '../../src/errors.ts';
import { openEmbeddedLog } from '../../src/log/embedded/embedded-log.ts';
import { acquireProcessLock } from '../../src/lmdb/process-lock.ts';
import { createLogger } from '../../src/logger.ts';
import { openEmbeddedFeatureStore } from '../../src/stores/embedded/embedded-feature-store.ts';
import { startChild, temporaryFolder } from '../log/embedded/child-process.ts';

function acquireAndClose(dataDir: string): void {
  acquireProcessLock(dataDir).close();
}

function editLock(dataDir: string, edit: (owner: Record<string, unknown>) => object): string {
  const path = join(dataDir, 'process.lock');
  const owner = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  writeFileSync(path, JSON.stringify(edit(owner)));
  return path;
}

test('a second process on one DATA_DIR refuses to start and names the first', async () => {
  const dataDir = temporaryFolder();
  const log = openEmbeddedLog({ dataDir, clock: systemClock, logger: createLogger('fatal') });

  const [line] = await startChild('hold.child.js', [dataDir]).ended;

  expect(line).toMatch(/^CONFIG DATA_DIR/);
  expect(line).toContain(`process ${process.pid}`);
  expect(line).toContain(dataDir);
  await log.close();
});

test('the lock of a killed process is taken over at once, and a living one is refused', async () => {
  const dataDir = temporaryFolder();
  const first = startChild('hold.child.js', [dataDir]);
  await first.linesReached(1);
  expect(first.lines).toEqual(['open']);
  expect(() => acquireAndClose(dataDir)).toThrow(ConfigError);
  expect(() => acquireAndClose(dataDir)).toThrow(`process ${first.process.pid}`);

  first.process.kill('SIGKILL');
  await first.ended;

  acquireAndClose(dataDir);
});

test('threads and stores of one process share the folder', () => {
  const dataDir = temporaryFolder();

  acquireAndClose(dataDir);
  acquireAndClose(dataDir);

  expect(readdirSync(dataDir)).toEqual(['process.lock']);
});

test('a reused process id does not keep the folder locked', () => {
  const dataDir = temporaryFolder();
  acquireAndClose(dataDir);
  // This process lives, but it is not the one that started then.
  editLock(dataDir, (owner) => ({ ...owner, pid: process.ppid, startedAt: '1' }));

  acquireAndClose(dataDir);

  const owner = JSON.parse(readFileSync(join(dataDir, 'process.lock'), 'utf8')) as object;
  expect(owner).toMatchObject({ pid: process.pid });
});

test('a DATA_DIR that cannot be created is a configuration error that names it and the cure', () => {
  const file = join(temporaryFolder(), 'a-file');
  writeFileSync(file, '');
  const dataDir = join(file, 'state');
  const options = { dataDir, clock: systemClock, logger: createLogger('fatal') };

  expect(() => openEmbeddedLog(options)).toThrow(ConfigError);
  expect(() => openEmbeddedLog(options)).toThrow(/a-file\/state.*writable by this user/);
  expect(() => openEmbeddedFeatureStore({ dataDir })).toThrow(ConfigError);
});

test('a folder that holds no database but garbage under its name is a configuration error', () => {
  const dataDir = temporaryFolder();
  writeFileSync(join(dataDir, 'log'), 'not a folder');

  expect(() =>
    openEmbeddedLog({ dataDir, clock: systemClock, logger: createLogger('fatal') }),
  ).toThrow(ConfigError);
});
