// A real headless browser, driven with the DevTools protocol over two pipes: JSON messages, each
// ended by a zero byte.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';

export interface Browser {
  /** Opens a page; returns a function that evaluates an expression in it and rejects if it throws. */
  open(url: string): Promise<(expression: string) => Promise<unknown>>;
  close(): Promise<void>;
}

interface Answer {
  readonly id?: number;
  readonly result?: {
    readonly targetId?: string;
    readonly sessionId?: string;
    readonly result?: { readonly value?: unknown };
    readonly exceptionDetails?: { readonly exception?: { readonly description?: string } };
  };
  readonly error?: { readonly message: string };
}

/** Returns the path of a browser on this machine; empty if none is found. */
export function findBrowser(): string {
  const names = ['chromium-headless-shell', 'chromium', 'chromium-browser', 'google-chrome'];
  return names.find((name) => spawnSync(name, ['--version']).status === 0) ?? '';
}

/** Starts `command` with a fresh profile. */
export function openBrowser(command: string): Browser {
  const profile = mkdtempSync(join(tmpdir(), 'sensorium-browser-'));
  const child = spawn(
    command,
    [
      ...['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
      ...['--no-first-run', '--remote-debugging-pipe', `--user-data-dir=${profile}`],
    ],
    { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] },
  );
  const exited = new Promise((resolve) => child.once('exit', resolve));
  const [, , , commands, answers] = child.stdio;
  const send = createChannel(commands as Writable, answers as Readable);
  return {
    async open(url) {
      const { targetId } = await send('Target.createTarget', { url });
      const { sessionId } = await send('Target.attachToTarget', { targetId, flatten: true });
      return async (expression) => {
        const { result, exceptionDetails } = await send(
          'Runtime.evaluate',
          { expression, returnByValue: true, awaitPromise: true },
          sessionId,
        );
        if (exceptionDetails === undefined) return result?.value;
        throw new Error(exceptionDetails.exception?.description ?? 'the expression threw');
      };
    },
    async close() {
      child.kill('SIGKILL');
      await exited;
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

function createChannel(
  commands: Writable,
  answers: Readable,
): (method: string, params: object, sessionId?: string) => Promise<NonNullable<Answer['result']>> {
  const waiting = new Map<number, (answer: Answer) => void>();
  let text = '';
  answers.setEncoding('utf8').on('data', (part: string) => {
    const messages = (text + part).split('\0');
    text = messages.pop() ?? '';
    for (const message of messages) {
      const answer = JSON.parse(message) as Answer;
      waiting.get(answer.id ?? -1)?.(answer);
    }
  });
  let id = 0;
  return async (method, params, sessionId) => {
    id += 1;
    const answered = new Promise<Answer>((resolve) => waiting.set(id, resolve));
    commands.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    const { result, error } = await answered;
    if (result === undefined) throw new Error(`${method}: ${error?.message ?? 'no result'}`);
    return result;
  };
}
