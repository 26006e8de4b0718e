// Aborted transactions, against a model that is told for each batch whether its transaction was aborted.
import fc from 'fast-check';
import { expect, it } from 'vitest';

import { committedBatches } from '../../src/log/kafka/fetched-batch.ts';
import { encodeRecordBatch } from '../../src/log/record-batch-encoder.ts';
import { readBatchHeader, type CheckedBatch } from '../../src/log/record-batch-header.ts';
import { resealed } from '../../test/log/record-batch-support.ts';
import { holds, runs, titled } from '../seed.ts';

const producers = [1n, 2n, 3n];

/** A step of one producer: a batch in its transaction, a batch outside any, or the end of its transaction. */
const step = fc.record({
  producer: fc.constantFrom(...producers),
  kind: fc.constantFrom('transactional', 'plain', 'commit', 'abort'),
  length: fc.integer({ min: 1, max: 3 }),
});

interface LoggedBatch extends CheckedBatch {
  readonly aborted: boolean;
}

interface LoggedAbort {
  readonly producerId: string;
  readonly firstOffset: string;
  readonly endOffset: number;
}

function logOf(steps: readonly { producer: bigint; kind: string; length: number }[]): {
  batches: LoggedBatch[];
  aborts: LoggedAbort[];
} {
  const batches: (CheckedBatch & { fate: { aborted: boolean } })[] = [];
  const aborts: LoggedAbort[] = [];
  const open = new Map<bigint, { first: number; fate: { aborted: boolean } }>();
  let offset = 0;
  for (const { producer, kind, length } of steps) {
    const id = { id: producer, epoch: 0, sequence: 0 };
    const records = Array.from({ length }, () => ({
      topic: 't',
      key: Buffer.alloc(4),
      value: null,
    }));
    const options = { baseOffset: offset, timestampMs: 0 };
    if (kind === 'plain' || kind === 'transactional') {
      const transactional = kind === 'transactional';
      const bytes = encodeRecordBatch(records, { ...options, producer: { ...id, transactional } });
      let fate = { aborted: false };
      if (transactional) {
        const transaction = open.get(producer) ?? { first: offset, fate };
        open.set(producer, transaction);
        fate = transaction.fate;
      }
      batches.push({ bytes, header: readBatchHeader(bytes), fate });
      offset += length;
      continue;
    }
    const bytes = markerOf(kind, offset, producer);
    batches.push({ bytes, header: readBatchHeader(bytes), fate: { aborted: false } });
    const transaction = open.get(producer);
    open.delete(producer);
    if (transaction !== undefined && kind === 'abort') {
      transaction.fate.aborted = true;
      const { first } = transaction;
      aborts.push({ producerId: String(producer), firstOffset: String(first), endOffset: offset });
    }
    offset += 1;
  }
  const settled = batches.map(({ bytes, header, fate }) => ({
    bytes,
    header,
    aborted: fate.aborted,
  }));
  return { batches: settled, aborts };
}

function markerOf(kind: string, offset: number, producer: bigint): Uint8Array {
  const key = Buffer.from([0, 0, 0, kind === 'abort' ? 0 : 1]);
  const record = { topic: 't', key, value: Buffer.alloc(6) };
  const id = { id: producer, epoch: 0, sequence: -1, transactional: true };
  const bytes = encodeRecordBatch([record], { baseOffset: offset, timestampMs: 0, producer: id });
  return resealed(bytes, (copy) => copy.writeInt16BE(0x30, 21));
}

// A fetch that begins inside two aborted transactions: kafkajs took up one of them a record, and let the other through.
const beginsInsideTwo: [
  { producer: bigint; kind: 'transactional' | 'abort'; length: number }[],
  number,
] = [
  [
    { producer: 1n, kind: 'transactional', length: 1 },
    { producer: 2n, kind: 'transactional', length: 1 },
    { producer: 2n, kind: 'transactional', length: 1 },
    { producer: 1n, kind: 'abort', length: 1 },
    { producer: 2n, kind: 'abort', length: 1 },
  ],
  2,
];

it(
  titled('from wherever a fetch begins, exactly the records of aborted transactions are left out'),
  async () => {
    await holds(
      fc.property(fc.array(step, { size: '+1' }), fc.nat(), (steps, start) => {
        const { batches, aborts } = logOf(steps);
        const fetched = batches.slice(batches.length === 0 ? 0 : start % batches.length);
        const from = fetched[0]?.header.baseOffset ?? 0;
        // A broker names the aborted transactions that reach into what it returns, in the order they ended.
        const named = aborts.filter(({ endOffset }) => endOffset >= from);

        const committed = committedBatches(fetched, named, {}).map(
          ({ header }) => header.baseOffset,
        );

        expect(committed).toEqual(
          fetched
            .filter(({ aborted, header }) => !aborted && !header.control)
            .map(({ header }) => header.baseOffset),
        );
      }),
      { ...runs(1_000), examples: [beginsInsideTwo] },
    );
  },
);
