import { execFile } from 'node:child_process';
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { describe, expect, onTestFinished, test } from 'vitest';

import { ConfigError, CorruptSnapshotError } from '../../../src/errors.ts';
import { openFileSnapshotStore } from '../../../src/stores/file/file-snapshot-store.ts';
import { snapshotStoreContract } from '../../contracts/snapshot-store.contract.ts';

function freshFolder(): string {
  return mkdtempSync(join(tmpdir(), 'snapshots-'));
}

snapshotStoreContract('file', async () => {
  const folder = freshFolder();
  return {
    store: openFileSnapshotStore({ folder }),
    openAnother: async () => openFileSnapshotStore({ folder }),
    async close() {
      rmSync(folder, { recursive: true });
    },
  };
});

function testFolder(): string {
  const folder = freshFolder();
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

describe('a damaged file', () => {
  const damages: readonly (readonly [string, (path: string) => void])[] = [
    ['torn', (path) => truncateSync(path, 500)],
    ['emptied', (path) => truncateSync(path, 0)],
    ['longer', (path) => appendFileSync(path, 'x')],
    ['missing', (path) => unlinkSync(path)],
    [
      'bit-flipped',
      (path) => {
        const bytes = readFileSync(path);
        bytes[777] = (bytes[777] ?? 0) ^ 0x10;
        writeFileSync(path, bytes);
      },
    ],
  ];
  test.each(damages)('that is %s is refused as corrupt', async (_name, damage) => {
    const folder = testFolder();
    const store = openFileSnapshotStore({ folder });
    const reference = await store.write('g/t/0', '1', new Uint8Array(1_000).fill(1));
    const [path] = filesIn(folder);

    damage(path ?? '');

    await expect(store.read('g/t/0', reference)).rejects.toBeInstanceOf(CorruptSnapshotError);
  });
});

test('a written snapshot leaves one file, and removing it leaves none', async () => {
  const folder = testFolder();
  const store = openFileSnapshotStore({ folder });

  const reference = await store.write('g/t/0', '1', new Uint8Array(100));
  expect(filesIn(folder)).toHaveLength(1);
  await store.remove('g/t/0', reference);

  expect(filesIn(folder)).toEqual([]);
});

test('the temporary files of a killed process are listed and removed by its id', async () => {
  const folder = testFolder();
  const store = openFileSnapshotStore({ folder });
  const reference = await store.write('g/t/0', '8-1-5-7', new Uint8Array(100));
  await store.write('g/t/0', '8-1-50-7', new Uint8Array(100));
  const [path = ''] = filesIn(folder).filter((each) => each.endsWith('8-1-5-7.snapshot'));
  writeFileSync(`${path}.4711.1700000000000.3.part`, 'half');
  writeFileSync(join(path, '..', '8-1-9-7.snapshot.4711.1700000000000.4.part'), 'half');

  expect((await store.list?.('g/t/0'))?.toSorted()).toEqual(['8-1-5-7', '8-1-50-7', '8-1-9-7']);
  await store.remove('g/t/0', reference);
  await store.remove('g/t/0', { id: '8-1-9-7', length: 0 });

  expect(filesIn(folder).map((each) => each.slice(each.lastIndexOf('/') + 1))).toEqual([
    '8-1-50-7.snapshot',
  ]);
});

test('names that differ only in case or in a path stay apart and inside the folder', async () => {
  const folder = testFolder();
  const store = openFileSnapshotStore({ folder });

  await store.write('G/t/0', '1', new Uint8Array(1));
  await store.write('g/t/0', '1', new Uint8Array(2));
  await store.write('../../escape/0', '../up', new Uint8Array(3));

  const names = filesIn(folder).map((path) => path.slice(folder.length).toLowerCase());
  expect(new Set(names).size).toBe(3);
});

test('a folder that cannot be written is a configuration error that names it', async () => {
  const folder = testFolder();
  const file = join(folder, 'a-file');
  writeFileSync(file, '');
  const store = openFileSnapshotStore({ folder: join(file, 'below') });

  const write = store.write('g/t/0', '1', new Uint8Array(1));

  await expect(write).rejects.toThrow(ConfigError);
  await expect(write).rejects.toThrow(/a-file/);
});

test('a full disk is UnavailableError, leaves no partial file, and the store works again after', async () => {
  const folder = testFolder();
  // A file size limit of 1 MiB stands for the full disk: the write fails in the middle, in a process of its own.
  const { stdout } = await promisify(execFile)('bash', [
    '-c',
    'ulimit -f 1024; trap "" XFSZ; exec node test/stores/file/full-disk.child.js "$0"',
    folder,
  ]);

  expect(JSON.parse(stdout)).toEqual({ large: 'UNAVAILABLE', small: 1_000 });
  expect(filesIn(folder)).toHaveLength(1);
});
