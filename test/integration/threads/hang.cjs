// Preloaded into the program's threads by a test: every thread but the main one hangs for half a minute once the file
// that HANG_WHEN names exists, and says so by a file of its own beside it.
const { existsSync, writeFileSync } = require('node:fs');
const { isMainThread, threadId } = require('node:worker_threads');

const when = process.env.HANG_WHEN;
if (!isMainThread) {
  const timer = setInterval(() => {
    if (!existsSync(when)) return;
    clearInterval(timer);
    writeFileSync(`${when}.${threadId}`, '');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 30_000);
  }, 50);
  timer.unref();
}
