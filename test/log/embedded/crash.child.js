// A process that is killed in the middle of commits: two threads commit without a pause, each to two partitions of its
// own and one they share. At its start it checks what the process before it left and prints that as one JSON line.
// After that it prints, for each acknowledged commit, `<thread>:<number>`.
import { writeSync } from 'node:fs';
import { isMainThread, Worker, workerData } from 'node:worker_threads';

import { systemClock } from '../../../dist/clock.js';
import { openEmbeddedLog } from '../../../dist/log/embedded/embedded-log.js';
import { createLogger } from '../../../dist/logger.js';

const threads = 2;
const group = 'group';
const dataDir = isMainThread ? process.argv[2] : workerData.dataDir;
const log = openEmbeddedLog({ dataDir, clock: systemClock, logger: createLogger('fatal') });

/** Record counts of commit `number`: they differ, so that a half of one cannot pass for a whole of another. */
const sizes = (number) => [1 + (number % 7), 1 + (number % 3), number % 2];

async function countByCommit(partition) {
  const counts = new Map();
  for await (const batch of log.read({ ...partition, from: 0 })) {
    const cursor = batch.records();
    while (cursor.next()) {
      const value = Buffer.from(cursor.bytes.subarray(cursor.valueStart, cursor.valueEnd));
      const name = value.toString('latin1', 0, value.indexOf('|'));
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
  }
  return counts;
}

async function inspect() {
  const shared = await countByCommit({ topic: 'shared', partition: 0 });
  const report = { committed: [], problems: [] };
  let inShared = 0;
  for (let thread = 0; thread < threads; thread += 1) {
    const position = await log.committed(group, { topic: 'input', partition: thread });
    const last = position?.nextOffset ?? 0;
    if (position !== undefined && position.metadata !== `m${last}`)
      report.problems.push('metadata');
    report.committed.push(last);
    const own = await Promise.all(
      [0, 1].map((index) => countByCommit({ topic: 'own', partition: thread * 2 + index })),
    );
    for (let number = 1; number <= last; number += 1) {
      const name = `${thread}:${number}`;
      const found = [...own.map((each) => each.get(name) ?? 0), shared.get(name) ?? 0];
      if (String(found) !== String(sizes(number))) report.problems.push(`${name} has ${found}`);
      inShared += sizes(number)[2] > 0 ? 1 : 0;
    }
    if (own.some((each) => each.size > last)) report.problems.push(`${thread} has uncommitted`);
  }
  if (shared.size !== inShared) report.problems.push('the shared partition has uncommitted');
  return report;
}

async function commitForEver(thread) {
  const writer = await log.openWriter(group, { topic: 'input', partition: thread });
  let number = (await log.committed(group, { topic: 'input', partition: thread }))?.nextOffset ?? 0;
  for (;;) {
    number += 1;
    const value = Buffer.from(`${thread}:${number}|`.padEnd(number % 11 === 0 ? 60_000 : 300, 'v'));
    const places = [
      { topic: 'own', partition: thread * 2 },
      { topic: 'own', partition: thread * 2 + 1 },
      { topic: 'shared', partition: 0 },
    ];
    const records = sizes(number).flatMap((count, index) =>
      Array.from({ length: count }, () => ({ ...places[index], key: null, value })),
    );
    await writer.commit({ nextOffset: number, metadata: `m${number}`, records });
    writeSync(1, `${thread}:${number}\n`);
  }
}

if (isMainThread) {
  await log.ensureTopics([
    { topic: 'input', partitions: threads },
    { topic: 'own', partitions: threads * 2 },
    { topic: 'shared', partitions: 1 },
  ]);
  writeSync(1, `${JSON.stringify(await inspect())}\n`);
  for (let thread = 0; thread < threads; thread += 1) {
    new Worker(new URL(import.meta.url), { workerData: { dataDir, thread } });
  }
} else {
  await commitForEver(workerData.thread);
}
