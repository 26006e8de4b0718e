// Measures the fold alone, in memory: record batches → closed windows, without rows, network or commits. Reports time and
// allocated memory per reading, for one thread and for several at once.
//   node --expose-gc bench/fold.mjs [--baseline cumulative|adaptive] [--threads 1,2] [--rounds 5]
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { createBatchFolder } from '../dist/actors/fold-batch.js';
import { createOutbox } from '../dist/actors/outbox.js';
import { emptyMemory } from '../dist/actors/shard-memory.js';
import { parseConfig } from '../dist/config/config.js';
import { encodeRecordBatch } from '../dist/log/record-batch-encoder.js';
import { recordCursor } from '../dist/log/record-batch.js';
import { topicNames } from '../dist/log/topics.js';
import { planOf, readingRecord } from './readings.mjs';
import { report, spread } from './result.mjs';

const plan = planOf({ readings: 200_000, sensors: 1_000 });
const recordsPerBatch = 1_000;
const warmRounds = 4;

if (isMainThread) await main();
else foldHere(workerData);

async function main() {
  const { values: flags } = parseArgs({
    options: {
      baseline: { type: 'string', default: 'cumulative,adaptive' },
      threads: { type: 'string', default: '1,2' },
      rounds: { type: 'string', default: '5' },
      // Of the result; '' only prints it.
      name: { type: 'string', default: 'fold' },
    },
  });
  const measured = [];
  for (const baseline of flags.baseline.split(',')) {
    for (const threads of flags.threads.split(',').map(Number)) {
      measured.push({ baseline, threads, ...(await measure(baseline, threads, flags)) });
    }
  }
  const workload = { ...plan, keys: undefined, recordsPerBatch, rounds: Number(flags.rounds) };
  if (flags.name === '') process.stdout.write(`${JSON.stringify(measured)}\n`);
  else report(flags.name, { workload, measured });
}

/**
 * Returns what `threads` threads took at the same time, each folding all readings in each round.
 */
async function measure(baseline, threads, flags) {
  const data = { baseline, rounds: Number(flags.rounds) };
  const results = await Promise.all(
    Array.from(
      { length: threads },
      () =>
        new Promise((resolve, reject) => {
          const resourceLimits = { maxYoungGenerationSizeMb: 512 };
          new Worker(new URL(import.meta.url), { workerData: data, resourceLimits })
            .once('message', resolve)
            .once('error', reject);
        }),
    ),
  );
  return {
    microsPerReading: spread(results.flatMap(({ micros }) => micros)),
    allocatedBytesPerReading: spread(
      results.flatMap(({ allocated }) => allocated),
      1,
    ),
    readingsPerSecond: Math.round(
      results.reduce((sum, { micros }) => sum + 1e6 / spread(micros).median, 0),
    ),
  };
}

function foldHere({ baseline, rounds }) {
  const { semantics, process: settings } = parseConfig({ BASELINE: baseline });
  const topics = topicNames(settings);
  const batches = encodedBatches(topics.input);
  const [micros, allocated] = [[], []];
  for (let round = -warmRounds; round < rounds; round += 1) {
    const memory = emptyMemory('source', semantics, 0);
    const folder = folderOf(semantics, topics);
    globalThis.gc?.();
    const heapBefore = process.memoryUsage().heapUsed;
    const startMs = performance.now();
    for (const batch of batches) {
      const records = recordCursor(batch);
      records.next();
      folder.fold(memory, records, Infinity);
    }
    const tookMs = performance.now() - startMs;
    if (round < 0) continue;
    micros.push((tookMs * 1_000) / plan.readings);
    // Sound only while the young generation, which `measure` made large, is not collected.
    allocated.push((process.memoryUsage().heapUsed - heapBefore) / plan.readings);
  }
  parentPort.postMessage({ micros, allocated });
}

function folderOf(semantics, topics) {
  const outbox = createOutbox({ featureRow: () => undefined, anomaly: () => undefined });
  const shard = { topic: topics.input, partition: 0 };
  return createBatchFolder({
    shard,
    topics,
    semantics,
    forwarding: { partitions: 1, clock: '0/1/0' },
    outbox,
  });
}

function encodedBatches(topic) {
  const batches = [];
  for (let from = 0; from < plan.readings; from += recordsPerBatch) {
    const records = Array.from({ length: recordsPerBatch }, (_, index) =>
      readingRecord(topic, plan, from + index),
    );
    batches.push(encodeRecordBatch(records, { baseOffset: from, timestampMs: 0 }));
  }
  return batches;
}
