// A server of a telemetry test, from the folder that scripts/setup-telemetry.sh prints: started,
// waited for, and stopped when the test ends.
import { spawn } from 'node:child_process';
import { onTestFinished } from 'vitest';

import { eventually } from '../integration/program.ts';

const tools = process.env['TELEMETRY_TOOLS'] ?? '';

/** Starts the tool `name`; resolves once `healthUrl` answers. */
export async function startTool(
  name: string,
  args: readonly string[],
  healthUrl: string,
): Promise<void> {
  const server = spawn(`${tools}/${name}`, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let printed = '';
  for (const stream of [server.stdout, server.stderr]) {
    stream.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  }
  server.once('error', (error) => (printed += String(error)));
  onTestFinished(async () => {
    const gone = new Promise((resolve) => server.once('exit', resolve));
    if (server.kill('SIGKILL')) await gone;
  });
  const answers = async (): Promise<void> => {
    const { status } = await fetch(healthUrl);
    if (status !== 200) throw new Error(`${healthUrl} answers ${status}`);
  };
  await eventually(answers, { timeoutMs: 30_000, onTimeout: () => printed });
}
