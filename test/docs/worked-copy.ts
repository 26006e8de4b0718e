// A page of docs/ with a worked example, done: its files and edits in a copy of the sources, and its
// commands run there.
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';

export interface WorkedCopy {
  /** Where the copy is. */
  readonly folder: string;
  /** Runs a command in the copy; rejects with its output unless it exits with 0. */
  run(command: readonly [string, ...string[]], env?: NodeJS.ProcessEnv): Promise<void>;
  remove(): void;
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const copied = [
  ...[
    'src',
    'assembly',
    'scripts',
    'test',
    'property-tests',
    'docs',
    'avro',
    'feature_repo',
    'bench',
    'clients',
    'schemas',
    'monitoring',
    'deploy',
  ],
  ...['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json'],
  ...['vitest.config.ts', '.prettierrc.json', 'import-rules.json'],
];

/**
 * Returns a copy of the sources with the example of `page` applied: its `ts` blocks written as
 * files, its `diff` blocks as edits.
 */
export function workedCopy(page: string): WorkedCopy {
  const folder = mkdtempSync(join(tmpdir(), 'sensorium-worked-'));
  for (const path of copied) cpSync(join(root, path), join(folder, path), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  const text = readFileSync(join(root, page), 'utf8');
  for (const [, kind, path = '', block = ''] of text.matchAll(
    /^```(ts|diff) (\S+)\n(.*?)^```$/gms,
  )) {
    const file = join(folder, path);
    if (kind === 'ts') writeFileSync(file, block);
    else writeFileSync(file, edited(readFileSync(file, 'utf8'), block));
  }
  return {
    folder,
    run: (command, env = {}) => run(folder, command, env),
    remove: () => {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Returns `text` with the edit of a diff block made at the one place that it fits. */
function edited(text: string, block: string): string {
  const lines = block.split('\n').slice(0, -1);
  const without = (sign: string): string =>
    lines
      .filter((line) => !line.startsWith(sign))
      .map((line) => `${line.slice(1)}\n`)
      .join('');
  const parts = text.split(without('+'));
  expect(parts, `expected these lines once:\n${without('+')}`).toHaveLength(2);
  return parts.join(without('-'));
}

async function run(
  folder: string,
  [command, ...args]: readonly [string, ...string[]],
  more: NodeJS.ProcessEnv,
): Promise<void> {
  const env = { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', CI: '' };
  const child = spawn(command, args, { cwd: folder, env: { ...env, ...more } });
  let printed = '';
  child.stdout.on('data', (text: Buffer) => (printed += text.toString()));
  child.stderr.on('data', (text: Buffer) => (printed += text.toString()));
  const code = await new Promise((resolve) => child.once('close', resolve));
  expect(code, `${command} ${args.join(' ')}\n${printed}`).toBe(0);
}
