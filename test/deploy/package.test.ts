// The package that `npm pack` makes, installed in a folder of its own and run from another. Part of `npm run test:deploy`.
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);

describe('the package', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'sensorium-package-'));
  afterAll(() => {
    rmSync(scratch, { recursive: true, force: true });
  });

  it('holds the program, its schemas and its README, and runs from any folder', async () => {
    const packed = await run('npm', ['pack', '--json', '--pack-destination', scratch], {
      cwd: root,
      maxBuffer: 2 ** 24,
    });
    const [{ filename, files }] = JSON.parse(packed.stdout.slice(packed.stdout.indexOf('[\n'))) as [
      { filename: string; files: { path: string }[] },
    ];
    const tops = new Set(files.map(({ path }) => path.split('/')[0]));
    expect([...tops].toSorted()).toEqual(
      ['LICENSE', 'README.md', 'avro', 'dist', 'package.json', 'schemas'].toSorted(),
    );

    const installed = join(scratch, 'installed');
    mkdirSync(installed);
    await run('npm', [
      'install',
      '--no-audit',
      '--no-fund',
      '--prefix',
      installed,
      join(scratch, filename),
    ]);
    const { stdout } = await run('npx', ['--prefix', installed, 'sensorium', '-v'], {
      cwd: tmpdir(),
    });

    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      version: string;
    };
    expect(stdout.trim()).toBe(version);
  }, 600_000);
});
