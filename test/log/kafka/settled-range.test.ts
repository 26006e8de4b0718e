// A read past open transactions, fetched one batch at a time: what was aborted in one fetch says
// nothing of what the same producer committed in a later one.
import { expect, it } from 'vitest';

import { settledRange } from '../../../src/log/kafka/settled-range.ts';
import { encodeRecordBatch } from '../../../src/log/record-batch-encoder.ts';
import { recordsOf } from '../../contracts/event-log-harness.ts';
import { resealed } from '../record-batch-support.ts';

const [aborted, committed] = [0, 1];

function dataOf(offset: number, value: string, producer?: bigint): Uint8Array {
  const record = { topic: 't', key: null, value: Buffer.from(value) };
  const owner =
    producer === undefined
      ? {}
      : { producer: { id: producer, epoch: 0, sequence: 0, transactional: true } };
  return encodeRecordBatch([record], { baseOffset: offset, timestampMs: 0, ...owner });
}

function markerOf(offset: number, type: number, id: bigint): Uint8Array {
  const key = Buffer.from([0, 0, 0, type]);
  const producer = { id, epoch: 0, sequence: -1, transactional: true };
  const options = { baseOffset: offset, timestampMs: 0, producer };
  const bytes = encodeRecordBatch([{ topic: 't', key, value: Buffer.alloc(6) }], options);
  // Transactional, control.
  return resealed(bytes, (copy) => copy.writeInt16BE(0x30, 21));
}

it('leaves out what was aborted and what is open, wherever the fetches are cut', async () => {
  const log = [
    dataOf(0, 'aborted', 1n),
    markerOf(1, aborted, 1n),
    dataOf(2, 'committed', 1n),
    dataOf(3, 'open', 2n),
    markerOf(4, committed, 1n),
    dataOf(5, 'plain'),
    dataOf(6, 'aborted later', 1n),
    markerOf(7, aborted, 1n),
  ];
  const end = log.length;
  const fetch = (_isolation: number, position: number): Promise<never> =>
    Promise.resolve({
      partition: 0,
      highWatermark: String(end),
      lastStableOffset: '3',
      abortedTransactions: [],
      messages: log[position] ?? new Uint8Array(0),
    } as never);
  const range = { topic: 't', partition: 0, from: 0, to: end, end };

  for (const decoder of ['fast', 'kafkajs'] as const) {
    const values: (string | null)[] = [];
    for await (const batch of settledRange(decoder, range, fetch)) {
      values.push(...recordsOf(batch).map(({ value }) => value));
    }
    expect(values, decoder).toEqual(['committed', 'plain']);
  }
});
