#!/usr/bin/env node
// The program's entry: connects the process to the command line.
import { systemClock } from './clock.ts';
import type { TextOutput } from './cli/context.ts';
import { runCli } from './cli/program.ts';

// Time for handles that a command has closed to go away; all work is done by then.
const lingerMsMax = 1_000;
// A stop may arrive twice: `timeout` signals both the child and its group, a terminal signals the
// whole group. Only a later signal is a second request.
const sameStopMs = 50;

function output(stream: NodeJS.WriteStream): TextOutput {
  // The reader of a pipe may close it early (`inspect | head`), which is not an error.
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
  return {
    write: (text) => stream.write(text),
    isTerminal: stream.isTTY,
    columns: stream.columns ?? 100,
  };
}

process.exitCode = await runCli(process.argv.slice(2), {
  env: process.env,
  clock: systemClock,
  out: output(process.stdout),
  err: output(process.stderr),
  onSignal(listener) {
    let lastMs = -Infinity;
    const onSignal = (signal: string): void => {
      const nowMs = systemClock.monotonicMs();
      const sameStop = nowMs - lastMs < sameStopMs;
      lastMs = nowMs;
      if (!sameStop) listener(signal);
    };
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
    return () => {
      // The command has finished: later signals must not change the exit code.
      listener = () => undefined;
    };
  },
  exitNow: (code) => process.exit(code),
  onTrouble(report) {
    process.removeAllListeners('warning');
    process.on('warning', (warning) => report('warning', warning));
    process.on('uncaughtException', (error) => {
      report('uncaught', error);
      process.exit(1);
    });
  },
});
setTimeout(() => process.exit(), lingerMsMax).unref();
