// Progress of long work on standard error: a bar on a terminal, otherwise a line every few seconds.
import cliProgress from 'cli-progress';

import { printLine, type CliContext } from './context.ts';

export interface Progress {
  update(done: number): void;
  /** Ends the bar; nothing more is written. */
  stop(): void;
}

const lineEveryMs = 5_000;

/** Returns a progress display; `total` is undefined if the end is not known. */
export function createProgress(
  context: CliContext,
  { title, unit, total }: { title: string; unit: string; total: number | undefined },
): Progress {
  return context.err.isTerminal
    ? createBar(context, title, unit, total)
    : createLines(context, title, unit, total);
}

function createBar(
  context: CliContext,
  title: string,
  unit: string,
  total: number | undefined,
): Progress {
  const startMs = context.clock.monotonicMs();
  const bar = new cliProgress.SingleBar({
    format:
      total === undefined
        ? `${title}  {value} ${unit}  {rate}/s`
        : `${title}  {bar} {percentage} %  {value}/{total} ${unit}  {rate}/s  {eta_formatted} left`,
    barsize: 30,
    hideCursor: true,
    // The commands handle signals themselves.
    gracefulExit: false,
    stopOnComplete: false,
    clearOnComplete: false,
  });
  bar.start(total ?? 0, 0, { rate: 0 });
  return {
    update(done) {
      const seconds = (context.clock.monotonicMs() - startMs) / 1_000;
      bar.update(done, { rate: Math.round(done / Math.max(seconds, 0.001)) });
    },
    stop: () => bar.stop(),
  };
}

function createLines(
  { clock, err }: CliContext,
  title: string,
  unit: string,
  total: number | undefined,
): Progress {
  let nextMs = clock.monotonicMs() + lineEveryMs;
  return {
    update(done) {
      if (clock.monotonicMs() < nextMs) return;
      nextMs = clock.monotonicMs() + lineEveryMs;
      const part = total === undefined ? '' : ` of ${total} (${percent(done, total)} %)`;
      printLine(err, `${title}: ${done}${part} ${unit}`);
    },
    stop: () => undefined,
  };
}

function percent(done: number, total: number): number {
  return total === 0 ? 100 : Math.floor((100 * done) / total);
}
