// A lock whose owner's process id means nothing here: it counts as living while it shows signs of life.
import { readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { ConfigError } from '../../../src/errors.ts';
import { acquireProcessLock } from '../../../src/lmdb/process-lock.ts';
import { startChild, temporaryFolder } from './child-process.ts';

function acquireAndClose(dataDir: string): void {
  acquireProcessLock(dataDir).close();
}

function editLock(dataDir: string, edit: (owner: Record<string, unknown>) => object): string {
  const path = join(dataDir, 'process.lock');
  const owner = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  writeFileSync(path, JSON.stringify(edit(owner)));
  return path;
}

test('an owner in another container counts as living while it touches the lock, and no longer', () => {
  const dataDir = temporaryFolder();
  acquireAndClose(dataDir);
  const path = editLock(dataDir, (owner) => ({ ...owner, view: 'another container' }));

  expect(() => acquireAndClose(dataDir)).toThrow(ConfigError);
  const longAgo = new Date(Date.now() - 60_000);
  utimesSync(path, longAgo, longAgo);

  acquireAndClose(dataDir);
});

test('an owner in another container that touches the lock counts as living, whatever its clock says', async () => {
  const dataDir = temporaryFolder();
  const owner = startChild('touch.child.js', [join(dataDir, 'process.lock')]);
  await owner.linesReached(1);
  const path = editLock(dataDir, (lock) => ({ ...lock, view: 'another container' }));
  const longAgo = new Date(Date.now() - 60_000);
  utimesSync(path, longAgo, longAgo);

  expect(() => acquireAndClose(dataDir)).toThrow(ConfigError);

  owner.process.kill('SIGKILL');
  await owner.ended;
});

test('a lock that cannot be read is taken over once it is old', () => {
  const dataDir = temporaryFolder();
  const path = join(dataDir, 'process.lock');
  writeFileSync(path, '{"pid":');

  expect(() => acquireAndClose(dataDir)).toThrow(ConfigError);
  const longAgo = new Date(Date.now() - 60_000);
  utimesSync(path, longAgo, longAgo);

  acquireAndClose(dataDir);
});
