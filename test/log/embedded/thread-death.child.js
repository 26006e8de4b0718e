// Worker threads die in the middle of commits, again and again, while the main thread goes on writing: by an uncaught
// error, by process.exit, and terminated while they block. (A thread that is terminated while it is inside an lmdb
// call takes the whole process with it: Node cannot throw into it. Only blocked threads are terminated.)
// Prints as JSON what was torn or lost, and how long the last dead thread's partitions took to come over.
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

import { systemClock } from '../../../dist/clock.js';
import { openEmbeddedLog } from '../../../dist/log/embedded/embedded-log.js';
import { createLogger } from '../../../dist/logger.js';

const sessionTimeoutMs = 400;
const dataDir = isMainThread ? process.argv[2] : workerData.dataDir;
const rounds = Number(process.argv[3]);
const log = openEmbeddedLog({
  dataDir,
  clock: systemClock,
  logger: createLogger('fatal'),
  heartbeatMs: 50,
  sessionTimeoutMs,
});

function listener(onAssigned) {
  return {
    positionOf: () => undefined,
    onAssigned,
    onRevoked: () => undefined,
    onBatch: () => Promise.resolve(),
    onFailed: () => undefined,
  };
}

const deaths = [
  () => {
    throw new Error('a bug');
  },
  () => process.exit(1),
  () => {
    parentPort.postMessage('blocked');
    for (;;);
  },
];

async function runWorker() {
  const { round } = workerData;
  await log.joinGroup({ groupId: 'g', topics: ['input'], listener: listener(() => undefined) });
  const writer = await log.openWriter('g', { topic: 'input', partition: round % 4 });
  parentPort.postMessage('up');
  // Spread over the phases of a commit: another wait each round.
  setTimeout(() => deaths[round % 3](), (round * 7) % 23);
  for (let number = 1; ; number += 1) {
    const value = Buffer.from(`${round}:${number}|`.padEnd(20_000, 'v'));
    const records = [0, 1, 2].map((partition) => ({ topic: 'out', partition, key: null, value }));
    await writer.commit({ nextOffset: round * 1_000_000 + number, metadata: '', records });
    parentPort.postMessage(number);
  }
}

async function lastOf(round, partition, ends) {
  let last = 0;
  for await (const batch of log.read({ topic: 'out', partition, from: ends[partition] })) {
    const cursor = batch.records();
    while (cursor.next()) {
      const text = Buffer.from(cursor.bytes.subarray(cursor.valueStart, cursor.valueStart + 30));
      const [writer, number] = text.toString('latin1').split('|')[0].split(':').map(Number);
      if (writer === round) last = number;
    }
  }
  return last;
}

async function killOne(round, report) {
  const ends = await Promise.all(
    [0, 1, 2].map(async (partition) => (await log.offsets({ topic: 'out', partition })).end),
  );
  const worker = new Worker(new URL(import.meta.url), { workerData: { dataDir, round } });
  let acknowledged = 0;
  worker.on('error', () => undefined);
  worker.on('message', (message) => {
    if (message === 'blocked') void worker.terminate();
    if (typeof message === 'number') acknowledged = Math.max(acknowledged, message);
  });
  await new Promise((resolve) => worker.once('exit', resolve));
  await log.append([{ topic: 'main', partition: 0, key: null, value: Buffer.from('x') }]);
  const last = await Promise.all([0, 1, 2].map((partition) => lastOf(round, partition, ends)));
  const position = await log.committed('g', { topic: 'input', partition: round % 4 });
  const committed = (position?.nextOffset ?? 0) - round * 1_000_000;
  if (new Set(last).size !== 1 || last[0] !== Math.max(committed, 0)) report.torn.push(last);
  if (last[0] < acknowledged) report.lost.push([last[0], acknowledged]);
}

if (isMainThread) {
  const report = { torn: [], lost: [], takeOverMs: 0, held: 0 };
  await log.ensureTopics([
    { topic: 'input', partitions: 4 },
    { topic: 'out', partitions: 3 },
    { topic: 'main', partitions: 1 },
  ]);
  const held = new Set();
  let taken = () => undefined;
  await log.joinGroup({
    groupId: 'g',
    topics: ['input'],
    listener: {
      ...listener((added) => {
        for (const { partition } of added) held.add(partition);
        if (held.size === 4) taken();
      }),
      onRevoked: (removed) => removed.forEach(({ partition }) => held.delete(partition)),
    },
  });
  for (let round = 1; round <= rounds; round += 1) await killOne(round, report);
  const killedAt = performance.now();
  if (held.size < 4) await new Promise((resolve) => (taken = resolve));
  report.takeOverMs = performance.now() - killedAt;
  report.held = held.size;
  await log.close();
  process.stdout.write(JSON.stringify(report));
} else {
  await runWorker();
}
