import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { runCli } from '../../src/cli/program.ts';
import { systemClock } from '../../src/clock.ts';
import type { Environment } from '../../src/config/config.ts';

export interface Captured {
  readonly exitCode: number;
  readonly out: string;
  readonly err: string;
}

/** Returns a folder that does not exist yet, in a fresh one. */
export function freshDataDir(): string {
  return join(mkdtempSync(join(tmpdir(), 'sensorium-cli-')), 'state');
}

/** Runs a command line as the program does; nothing of this process's environment reaches it. */
export async function cli(
  argv: readonly string[],
  env: Environment = {},
  { isTerminal = false }: { readonly isTerminal?: boolean } = {},
): Promise<Captured> {
  let [out, err] = ['', ''];
  const exitCode = await runCli(argv, {
    env: { HTTP_PORT: '1', ...env },
    clock: systemClock,
    out: { write: (text) => (out += text), isTerminal, columns: 100 },
    err: { write: (text) => (err += text), isTerminal: false, columns: 100 },
    onSignal: () => () => undefined,
    onTrouble: () => undefined,
    exitNow: (code) => {
      throw new Error(`the command ended the process with ${code}`);
    },
  });
  return { exitCode, out, err };
}
