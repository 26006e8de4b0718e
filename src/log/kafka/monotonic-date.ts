// A clock for kafkajs that is never set. kafkajs measures heartbeats, request timeouts, throttling
// and the age of metadata with `Date.now()`: a wall clock set back by an hour stops its heartbeats
// for that hour, and the group expels the member. While kafkajs loads, those of its files that
// measure time are compiled with another `Date` in scope.
import { createRequire } from 'node:module';
import { dirname, join, sep } from 'node:path';
import { systemClock } from '../../clock.ts';
import { assert } from '../../errors.ts';

/** The files of kafkajs 2.2.4 whose `Date` measures durations. */
export const filesThatMeasureTime: readonly string[] = [
  'src/cluster/brokerPool.js',
  'src/consumer/consumerGroup.js',
  'src/consumer/offsetManager/index.js',
  'src/consumer/runner.js',
  'src/instrumentation/event.js',
  'src/network/requestQueue/index.js',
  'src/network/requestQueue/socketRequest.js',
];

/**
 * The files whose `Date` is the time of day: timestamps of records, of a commit, and of log lines.
 */
export const filesThatTellTime: readonly string[] = [
  'src/loggers/index.js',
  'src/protocol/message/v1/index.js',
  'src/protocol/recordBatch/v0/index.js',
  'src/protocol/requests/offsetCommit/v1/request.js',
  'src/protocol/requests/produce/v2/request.js',
  'src/protocol/requests/produce/v3/request.js',
];

const monotonicDate = Symbol.for('sensorium.kafkajs.monotonic-date');
// On the first line, so that the lines of a stack trace stay those of the file.
const prefix = `const Date = globalThis[Symbol.for('${Symbol.keyFor(monotonicDate)}')];`;

/** Returns kafkajs's time in this thread: whole milliseconds that only ever grow. */
export function clientNowMs(): number {
  return Math.floor(systemClock.monotonicMs());
}

interface Compiles {
  _compile(this: object, source: string, path: string, ...rest: readonly unknown[]): unknown;
}

/**
 * Runs `load`, which loads kafkajs, with the monotonic `Date` in the files that measure time.
 * @throws InvariantError when one of these was loaded before, or is not loaded by `load`.
 */
export function withMonotonicDate(require: NodeJS.Require, load: () => void): void {
  const folder = dirname(require.resolve('kafkajs/package.json'));
  const missing = new Set(filesThatMeasureTime.map((file) => join(folder, ...file.split('/'))));
  Reflect.set(globalThis, monotonicDate, { now: clientNowMs });
  const compiler = moduleClass().prototype;
  const { _compile: compile } = compiler;
  compiler._compile = function (source, path, ...rest) {
    return compile.call(this, missing.delete(path) ? prefix + source : source, path, ...rest);
  };
  try {
    load();
  } finally {
    compiler._compile = compile;
  }
  assert(missing.size === 0, 'kafkajs measures time in files that were loaded before', {
    files: [...missing].map((path) => path.slice(folder.length + sep.length)).join(', '),
  });
}

// `_compile` is what source-transforming tools have hooked for ten years, and is in no type.
function moduleClass(): { readonly prototype: Compiles } {
  const Module: unknown = createRequire(import.meta.url)('node:module');
  const prototype: unknown = Reflect.get(Object(Module) as object, 'prototype');
  const fits = typeof Reflect.get(Object(prototype) as object, '_compile') === 'function';
  assert(fits, 'This Node compiles modules in a way that the Kafka client cannot be fitted to');
  return Module as { readonly prototype: Compiles };
}
