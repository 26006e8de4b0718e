// The outside world of a command: environment, standard output and error, time, signals. `main.ts`
// passes those of the process; tests pass their own.
import type { Clock } from '../clock.ts';
import type { Environment } from '../config/config.ts';
import { visible, visibleLines } from '../visible.ts';

export interface CliContext {
  readonly env: Environment;
  readonly clock: Clock;
  readonly out: TextOutput;
  readonly err: TextOutput;
  /** Calls `listener` on every SIGTERM and SIGINT until the returned function is called. */
  onSignal(listener: (signal: string) => void): () => void;
  /** Ends the process without waiting for anything. */
  exitNow(code: number): void;
  /** Passes Node's warnings and uncaught errors to `report`; Node no longer prints them itself. */
  onTrouble(report: (kind: 'warning' | 'uncaught', error: Error) => void): void;
}

export interface TextOutput {
  write(text: string): void;
  readonly isTerminal: boolean;
  /** Width of a line in characters; 100 if unknown. */
  readonly columns: number;
}

/**
 * Prints one line. Everything in it that a terminal would act on is escaped, line breaks too: those
 * of a record's text would forge a line.
 */
export function printLine(output: TextOutput, text: string): void {
  output.write(`${visible(text)}\n`);
}

/** Prints text of several lines that this program made; other control characters are escaped. */
export function printText(output: TextOutput, text: string): void {
  output.write(`${visibleLines(text)}\n`);
}

/** Prints data that programs read: byte for byte, except on a terminal. */
export function printData(output: TextOutput, text: string): void {
  output.write(output.isTerminal ? visibleLines(text) : text);
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
