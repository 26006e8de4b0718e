// The outside world of a command: environment, standard output and error, time, signals. `main.ts`
// passes those of the process; tests pass their own.
import type { Clock } from '../clock.ts';
import type { Environment } from '../config/config.ts';

export interface CliContext {
  readonly env: Environment;
  readonly clock: Clock;
  readonly out: TextOutput;
  readonly err: TextOutput;
  /** Calls `listener` on every SIGTERM and SIGINT until the returned function is called. */
  onSignal(listener: (signal: string) => void): () => void;
  /** Ends the process without waiting for anything. */
  exitNow(code: number): void;
}

export interface TextOutput {
  write(text: string): void;
  readonly isTerminal: boolean;
  /** Width of a line in characters; 100 if unknown. */
  readonly columns: number;
}

export function printLine(output: TextOutput, text: string): void {
  output.write(`${text}\n`);
}

/**
 * Runs `work` with a signal aborted by SIGTERM or SIGINT; a second one ends the process at once.
 */
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
