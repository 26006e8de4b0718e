// The completion scripts in the shells themselves. zsh and fish are asked where they are installed.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

import { cli } from './captured-cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'sensorium-completion-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const installed = (shell: string): boolean =>
  spawnSync(shell, ['--version'], { stdio: 'ignore' }).status === 0;

async function scriptFor(shell: string): Promise<string> {
  const path = join(folder, `completion.${shell}`);
  const { exitCode, out } = await cli(['completion', shell]);
  expect(exitCode).toBe(0);
  writeFileSync(path, out);
  return path;
}

/** Returns what bash offers for the last of these words. */
async function offered(...words: readonly string[]): Promise<readonly string[]> {
  const path = await scriptFor('bash');
  const quoted = words.map((word) => `'${word}'`).join(' ');
  const asked = spawnSync('bash', [
    '-c',
    `source ${path}; COMP_WORDS=(sensorium ${quoted}); COMP_CWORD=${words.length}; ` +
      `cd ${folder}; _sensorium; printf '%s\\n' "\${COMPREPLY[@]}"`,
  ]);
  expect(asked.stderr.toString()).toBe('');
  return asked.stdout.toString().trim().split('\n');
}

describe('completion', () => {
  it.each([
    [['pro'], ['produce', 'project']],
    [['dlq', 're'], ['replay']],
    [['dlq', 'replay', '--re'], ['--reason']],
    [['audit', '--cont'], ['--continuous']],
    [['--ver'], ['--version']],
    [['topics', ''], ['create']],
  ])('in bash completes %j', async (words, expected) => {
    expect(await offered(...words)).toEqual(expect.arrayContaining(expected));
    for (const word of await offered(...words))
      expect(word.startsWith(words.at(-1) ?? '')).toBe(true);
  });

  it('in bash offers every command', async () => {
    const help = (await cli(['--help'])).out;
    const commands = [...help.matchAll(/^ {2}([a-z]+) (?:\[|<| )/gm)].map(([, name]) => name);

    expect(commands.length).toBeGreaterThan(12);
    expect(await offered('')).toEqual(expect.arrayContaining(commands.filter((c) => c !== 'help')));
  });

  it.each(['zsh', 'fish'])('has the words and the syntax of %s', async (shell) => {
    const path = await scriptFor(shell);
    const { out } = await cli(['completion', shell]);

    expect(out).toContain('produce');
    expect(out).toContain(shell === 'fish' ? '-l from-beginning' : '--from-beginning');
    if (!installed(shell)) return;
    const checked = spawnSync(shell, ['-n', path]);
    expect(checked.stderr.toString()).toBe('');
    expect(checked.status).toBe(0);
  });

  it('knows no other shell', async () => {
    expect(await cli(['completion', 'csh'])).toMatchObject({ exitCode: 2, out: '' });
  });
});
