#!/usr/bin/env node
// The program: hands the process to the command line.
import { systemClock } from './clock.ts';
import type { TextOutput } from './cli/context.ts';
import { runCli } from './cli/program.ts';

// What a command closed may still take a moment to let go; nothing is owed any more.
const lingerMsMax = 1_000;
// One stop may arrive twice: `timeout` signals the child and its group, a terminal every process of the group. Only a
// later signal is somebody's second thought.
const sameStopMs = 50;

function output(stream: NodeJS.WriteStream): TextOutput {
  // The reader of a pipe may leave before we are done (`inspect | head`): that is no failure of ours.
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
      // What there was to stop has stopped: a signal from here on changes no exit code any more.
      listener = () => undefined;
    };
  },
  exitNow: (code) => process.exit(code),
});
setTimeout(() => process.exit(), lingerMsMax).unref();
