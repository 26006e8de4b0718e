// Loaded into every thread of the measured program (`node --import`): measures how late a 10 ms
// timer fires, which is how long the thread was blocked. Writes a line per second to the file
// LOOP_DELAYS: {thread, atMs, delaysMs}.
import { appendFileSync } from 'node:fs';
import { threadId } from 'node:worker_threads';

const everyMs = 10;
const file = process.env.LOOP_DELAYS;
if (file !== undefined) {
  let delaysMs = [];
  let dueMs = performance.now() + everyMs;
  let saidMs = performance.now();
  setInterval(() => {
    const nowMs = performance.now();
    delaysMs.push(Math.round(Math.max(0, nowMs - dueMs)));
    dueMs = nowMs + everyMs;
    if (nowMs - saidMs < 1_000) return;
    saidMs = nowMs;
    appendFileSync(file, `${JSON.stringify({ thread: threadId, atMs: Date.now(), delaysMs })}\n`);
    delaysMs = [];
  }, everyMs).unref();
}
