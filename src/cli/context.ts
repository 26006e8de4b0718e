// What the commands see of the outside: the environment, two streams of text, time and signals. `main.ts` gives the
// process's own; tests give theirs.
import type { Clock } from '../clock.ts';
import type { Environment } from '../config/config.ts';

export interface CliContext {
  readonly env: Environment;
  readonly clock: Clock;
  readonly out: TextOutput;
  readonly err: TextOutput;
  /** Calls `listener` at every SIGTERM and SIGINT until the returned function is called. */
  onSignal(listener: (signal: string) => void): () => void;
  /** Ends the process without waiting for anything. */
  exitNow(code: number): void;
}

export interface TextOutput {
  write(text: string): void;
  readonly isTerminal: boolean;
  /** Characters a line has; 100 where unknown. */
  readonly columns: number;
}

/** Writes `text` as a line of its own. */
export function printLine(output: TextOutput, text: string): void {
  output.write(`${text}\n`);
}

/** Runs `work` with a signal that SIGTERM or SIGINT aborts; a second one ends the process at once. */
export async function withInterrupt<T>(
  context: CliContext,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const interrupt = new AbortController();
  const off = context.onSignal(() => {
    if (interrupt.signal.aborted) context.exitNow(1);
    interrupt.abort();
  });
  try {
    return await work(interrupt.signal);
  } finally {
    off();
  }
}
