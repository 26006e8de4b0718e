// Preloaded into the program's threads by a test: every thread but the main one hangs a few seconds after it started.
const { isMainThread } = require('node:worker_threads');

if (!isMainThread) {
  const hang = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 30_000);
  setTimeout(hang, 3_000).unref();
}
