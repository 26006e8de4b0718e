// Traps of kafkajs 2.2.4 against a real Kafka: one test for each. The numbers are those of the
// comments in src/log/kafka/.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { Socket } from 'node:net';
import type { Kafka, Producer, Transaction } from 'kafkajs';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { ConfigError, isSensoriumError, UnavailableError } from '../../../src/errors.ts';
import type { EventLog } from '../../../src/log/event-log.ts';
import { createClient } from '../../../src/log/kafka/client.ts';
import { Connections } from '../../../src/log/kafka/connections.ts';
import { sendProduce } from '../../../src/log/kafka/produce.ts';
import { RecordBatchBuilder } from '../../../src/log/record-batch-encoder.ts';
import {
  bytes,
  eventually,
  freshTopic,
  GroupLedger,
  numbered,
  readAll,
  recordsOf,
  RecordingMember,
  uniqueName,
  valuesOf,
} from '../../contracts/event-log-harness.ts';
import { kafkaBrokers, kafkaOptions, openTestLog } from './kafka-harness.ts';

const require = createRequire(import.meta.url);
// Only now, when the imports above have installed the seam: it refuses a kafkajs that was loaded
// before.
const client = new (require('kafkajs') as { Kafka: typeof Kafka }).Kafka({
  brokers: [...(kafkaBrokers.length === 0 ? ['none:1'] : kafkaBrokers)],
  logLevel: 0,
});

/** Returns a producer of transactions, connected. */
async function transactions(): Promise<Producer> {
  const producer = client.producer({
    transactionalId: uniqueName('transactions'),
    idempotent: true,
    maxInFlightRequests: 1,
  });
  await producer.connect();
  onTestFinished(() => producer.disconnect());
  return producer;
}

describe.skipIf(kafkaBrokers.length === 0).each(['fast', 'kafkajs'] as const)(
  'kafkajs traps, decoder %s',
  (fetchDecoder) => {
    const log = openTestLog({ fetchDecoder });
    afterAll(() => log.close());

    test('a read of what is settled goes on past transactions that are open', async () => {
      const topic = await freshTopic(log);
      const place = { topic, partition: 0 };
      const [early, open, other] = await Promise.all([1, 2, 3].map(() => transactions()));
      if (early === undefined || open === undefined || other === undefined) return;
      const send = (transaction: Transaction, value: string): Promise<unknown> =>
        transaction.send({ topic, messages: [{ partition: 0, value }] });
      await log.append(numbered(topic, 0, 1));
      const earlier = await early.transaction();
      await send(earlier, 'begun before, aborted after');
      const held = await open.transaction();
      await send(held, 'open');
      await send(earlier, 'aborted');
      await earlier.abort();
      for (const [value, end] of [
        ['aborted too', 'abort'],
        ['committed', 'commit'],
      ] as const) {
        const transaction = await other.transaction();
        await send(transaction, value);
        await transaction[end]();
      }
      await send(held, 'open as well');
      await log.append(numbered(topic, 1, 2));
      const settled = async (): Promise<(readonly [string | null, true | undefined])[]> => {
        const found: (readonly [string | null, true | undefined])[] = [];
        for await (const batch of log.read({ ...place, from: 0, settledOnly: true })) {
          for (const { value } of recordsOf(batch)) found.push([value, batch.pastOpen]);
        }
        return found;
      };

      expect(await settled()).toEqual([
        ['0', undefined],
        ['committed', true],
        ['1', true],
      ]);

      await held.commit();
      const all = ['0', 'open', 'committed', 'open as well', '1'];
      expect(await valuesOf(log, place)).toEqual(all);
      expect(await settled()).toEqual(all.map((value) => [value, undefined]));
    });

    test('a position the log does not hold ends its delivery and leaves the committed offset alone', async () => {
      const topic = await freshTopic(log);
      const place = { topic, partition: 0 };
      const group = uniqueName('group');
      await log.append(numbered(topic, 0, 3));
      await log.commitOffsets(group, [{ ...place, nextOffset: 10, metadata: 'kept' }]);
      const listener = new RecordingMember('a', new GroupLedger(), 'waits');
      const member = await listener.join(log, group, topic);
      onTestFinished(() => member.leave());

      member.start(place, 10);

      await eventually(() => expect(listener.partitionFailures).toHaveLength(1));
      const [failure] = listener.partitionFailures;
      expect(failure?.error).toBeInstanceOf(UnavailableError);
      expect(String(failure?.error)).toMatch(/Offset 10 of .*holds 0 to 3/);
      expect(listener.failures).toEqual([]);
      expect(listener.batches).toEqual([]);
      expect(await log.committed(group, place)).toEqual({ nextOffset: 10, metadata: 'kept' });
    });

    test('a read from an offset the log no longer holds names both offsets', async () => {
      const topic = await freshTopic(log);
      await log.append(numbered(topic, 0, 9));
      const admin = client.admin();
      await admin.connect();
      onTestFinished(() => admin.disconnect());
      await admin.fetchTopicOffsets(topic); // kafkajs: its metadata first
      await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '5' }] });

      const read = readAll(log, { topic, partition: 0, from: 3 });

      await expect(read).rejects.toBeInstanceOf(ConfigError);
      await expect(read).rejects.toThrow(/from offset 3, but the log begins at 5/);
      expect(await log.offsets({ topic, partition: 0 })).toEqual({ earliest: 5, end: 9 });
    });

    test('aborted records of overlapping transactions are not seen, wherever the read begins', async () => {
      const topic = await freshTopic(log);
      const [one, two] = [await transactional('one'), await transactional('two')];
      // 0: a1 1: b1 2: a2 3: plain 4: b2 5: abort a 6: abort b 7: a3 8: commit a 9: marker
      // look-alike 10: b3 11: abort b
      const a = await one.transaction();
      const b = await two.transaction();
      await sendTo(a, topic, 'a1');
      await sendTo(b, topic, 'b1');
      await sendTo(a, topic, 'a2');
      await log.append([{ topic, partition: 0, key: null, value: bytes('plain') }]);
      await sendTo(b, topic, 'b2');
      await a.abort();
      await b.abort();
      await eventually(async () =>
        expect((await log.offsets({ topic, partition: 0 })).end).toBe(7),
      );
      const later = await one.transaction();
      await sendTo(later, topic, 'a3');
      await later.commit();
      await eventually(async () =>
        expect((await log.offsets({ topic, partition: 0 })).end).toBe(9),
      );
      const lookAlike = { topic, partition: 0, key: Buffer.alloc(4), value: bytes('look-alike') };
      await log.append([lookAlike]);
      const last = await two.transaction();
      await sendTo(last, topic, 'b3');
      await last.abort();
      await eventually(async () =>
        expect((await log.offsets({ topic, partition: 0 })).end).toBe(12),
      );

      for (let from = 0; from < 12; from += 1) {
        const records = await readAll(log, { topic, partition: 0, from });
        const wanted = [
          [3, 'plain'],
          [7, 'a3'],
          [9, 'look-alike'],
        ].filter(([offset]) => Number(offset) >= from);
        expect(records.map(({ offset, value }) => [offset, value])).toEqual(wanted);
      }
    });

    test('a position passes markers and aborted records at the end of a partition', async () => {
      const topic = await freshTopic(log);
      const producer = await transactional('end');
      const transaction = await producer.transaction();
      await sendTo(transaction, topic, 'committed');
      await transaction.commit();
      const aborted = await producer.transaction();
      await sendTo(aborted, topic, 'aborted');
      await aborted.abort();
      const ledger = new GroupLedger();
      const listener = new RecordingMember('a', ledger);

      const member = await listener.join(log, uniqueName('group'), topic);
      onTestFinished(() => member.leave());

      await eventually(() => expect(ledger.positions.get(0)).toBe(4));
      expect(ledger.delivered.get(0)).toEqual(['committed']);
    });

    test
      .skipIf(spawnSync('kcat', ['-V']).error !== undefined)
      .each(['gzip', 'snappy', 'lz4', 'zstd'])(
      'what librdkafka compresses with %s is read',
      async (codec) => {
        const topic = await freshTopic(log);
        const values = Array.from({ length: 2_000 }, (_, index) => `{"value":${index}}`);
        const produced = spawnSync(
          'kcat',
          ['-P', '-b', kafkaBrokers.join(','), '-t', topic, '-p', '0', '-z', codec],
          { input: values.join('\n'), timeout: 60_000, encoding: 'utf8' },
        );

        expect(produced.stderr).toBe('');
        expect(await valuesOf(log, { topic, partition: 0 })).toEqual(values);
      },
    );

    test('a batch of 150,000 records arrives whole', async () => {
      const topic = uniqueName('large');
      await log.ensureTopics([
        { topic, partitions: 1, config: { 'max.message.bytes': '4000000' } },
      ]);
      const connections = new Connections(createClient(kafkaOptions()));
      onTestFinished(() => connections.close());
      const producer = { id: -1n, epoch: -1, sequence: -1, transactional: false };
      const batch = new RecordBatchBuilder();
      for (const record of numbered(topic, 0, 150_000)) batch.append(record, Date.now());
      await sendProduce(await connections.leaderOf({ topic, partition: 0 }), null, [
        { topic, partition: 0, batch, producer },
      ]);

      const lengths: number[] = [];
      let lastOffset = -1;
      for await (const batch of log.read({ topic, partition: 0, from: 0 })) {
        lengths.push(recordsOf(batch).length);
        lastOffset = recordsOf(batch).at(-1)?.offset ?? -1;
      }

      expect(lengths).toEqual([150_000]);
      expect(lastOffset).toBe(149_999);
    });
  },
);

describe.skipIf(kafkaBrokers.length === 0)('kafkajs traps', () => {
  const log = openTestLog();
  afterAll(() => log.close());

  test('a commit right after another does not wait 300 ms for the one before, and asks for no coordinator', async () => {
    const input = { topic: await freshTopic(log), partition: 0 };
    const rows = await freshTopic(log, 2);
    const writer = await log.openWriter(uniqueName('group'), input);
    onTestFinished(() => writer.close());
    await commitTo(writer, rows, 0);

    const requests = countRequests('findGroupCoordinator');
    const durations: number[] = [];
    for (let index = 1; index <= 30; index += 1) {
      const began = performance.now();
      await commitTo(writer, rows, index);
      durations.push(performance.now() - began);
    }

    const median = durations.sort((left, right) => left - right)[15] ?? Infinity;
    expect(median).toBeLessThan(150);
    expect(requests.count).toBe(0);
  });

  test('an opening under way stops for good when it is aborted or its log is closed', async () => {
    const nowhere = openTestLog({ brokers: ['127.0.0.1:9'] });
    const abort = new AbortController();
    const input = { topic: 'raw_readings', partition: 0 };

    const aborted = nowhere.openWriter('g', input, abort.signal);
    const closed = nowhere.openWriter('g', { ...input, partition: 1 });
    const outcomes = Promise.allSettled([aborted, closed]);
    setImmediate(() => abort.abort());
    await nowhere.close();

    for (const outcome of await outcomes) {
      expect(outcome.status).toBe('rejected');
      expect(outcome.status === 'rejected' && outcome.reason).toBeInstanceOf(UnavailableError);
    }
  });

  test('a commit during which another writer opens is there as a whole or not at all', async () => {
    const input = { topic: await freshTopic(log), partition: 0 };
    const rows = await freshTopic(log);
    const group = uniqueName('group');
    let committed = 0;
    let writer = await log.openWriter(group, input);
    for (let round = 1; round <= 8; round += 1) {
      const outcome = writer
        .commit({ nextOffset: round, metadata: '', records: numbered(rows, 0, 40) })
        .then(
          () => 'committed',
          (error: unknown) => (isSensoriumError(error) ? error.code : String(error)),
        );
      // Opens at another moment of the commit each round.
      await new Promise((resolve) => setTimeout(resolve, round * 2));
      const next = await log.openWriter(group, input);

      const position = await log.committed(group, input);
      const isThere = position?.nextOffset === round;
      if (isThere) committed += 1;
      expect(await valuesOf(log, { topic: rows, partition: 0 })).toHaveLength(committed * 40);
      if ((await outcome) === 'committed') expect(isThere).toBe(true);
      else expect(['FENCED', 'UNAVAILABLE']).toContain(await outcome);
      await writer.close();
      writer = next;
    }
    await writer.close();
  });

  test('forty thousand records and more than a batch may hold are appended in one call', async () => {
    const topic = await freshTopic(log, 2);
    const value = bytes('x'.repeat(100));
    const records = Array.from({ length: 40_000 }, (_, index) => ({
      topic,
      key: bytes(`sensor_${index % 50}`),
      value,
    }));

    const began = performance.now();
    const ends = await log.append(records);

    expect(performance.now() - began).toBeLessThan(10_000);
    expect(ends.reduce((sum, { endOffset }) => sum + endOffset, 0)).toBe(40_000);
  });

  test('a member commits no offsets and asks for none', async () => {
    const topic = await freshTopic(log);
    const group = uniqueName('group');
    await log.append(numbered(topic, 0, 100));
    const requests = [countRequests('offsetCommit'), countRequests('offsetFetch')];
    const ledger = new GroupLedger();
    const member = await new RecordingMember('a', ledger).join(log, group, topic);
    await eventually(() => expect(ledger.positions.get(0)).toBe(100));
    await member.heartbeatAfterNow();
    await member.leave();

    expect(requests.map(({ count }) => count)).toEqual([0, 0]);
    expect(await log.committed(group, { topic, partition: 0 })).toBeUndefined();
  });

  test('a member of a group may commit its positions, and others read them', async () => {
    const topic = await freshTopic(log);
    const group = uniqueName('group');
    const member = await new RecordingMember('a', new GroupLedger()).join(log, group, topic);
    onTestFinished(() => member.leave());
    const position = { nextOffset: 7, metadata: 'größe' };

    await log.commitOffsets(group, [{ topic, partition: 0, ...position }]);

    expect(await log.committed(group, { topic, partition: 0 })).toEqual(position);
  });

  test('after every connection broke, the log, its writers and its members go on', async () => {
    const topic = await freshTopic(log);
    const place = { topic, partition: 0 };
    const ledger = new GroupLedger();
    const listener = new RecordingMember('a', ledger);
    const member = await listener.join(log, uniqueName('group'), topic);
    onTestFinished(() => member.leave());
    await log.append(numbered(topic, 0, 1));
    await eventually(() => expect(ledger.delivered.get(0)).toEqual(['0']));

    expect(breakConnections()).toBeGreaterThan(1);
    await log.append(numbered(topic, 1, 2));
    expect(await log.describeTopic(topic)).toMatchObject({ partitions: 1 });
    expect((await log.offsets(place)).end).toBe(2);
    await (await log.openWriter(uniqueName('group'), place)).close();

    await eventually(() => expect(ledger.delivered.get(0)).toEqual(['0', '1']));
    expect(listener.failures).toEqual([]);
  });

  test('members keep their partitions when others come and go', async () => {
    const topic = await freshTopic(log, 12);
    const group = uniqueName('group');
    const others = [openTestLog(), openTestLog()];
    const ledger = new GroupLedger();
    const members = ['a', 'b', 'c'].map((name) => new RecordingMember(name, ledger));
    onTestFinished(async () => {
      for (const each of members) await each.member?.leave();
      for (const each of others) await each.close();
    });
    const [first, second, third] = members;
    await first?.join(log, group, topic);
    await second?.join(others[0] ?? log, group, topic);
    await eventually(() => expect([first?.held.size, second?.held.size]).toEqual([6, 6]));
    const before = [first, second].map((each) => [...(each?.held ?? [])]);

    await third?.join(others[1] ?? log, group, topic);
    await eventually(() => expect(members.map(({ held }) => held.size)).toEqual([4, 4, 4]));
    const during = [first, second].map((each) => [...(each?.held ?? [])]);
    await third?.member?.leave();
    await eventually(() => expect([first?.held.size, second?.held.size]).toEqual([6, 6]));

    for (const [index, held] of during.entries()) {
      expect(before[index]).toEqual(expect.arrayContaining(held));
    }
    for (const [index, each] of [first, second].entries()) {
      expect([...(each?.held ?? [])]).toEqual(expect.arrayContaining(during[index] ?? []));
    }
  });

  test('an idle connection arms no timer and Node warns of none', async () => {
    const warnings: Error[] = [];
    const warned = (warning: Error): void => void warnings.push(warning);
    process.on('warning', warned);
    onTestFinished(() => void process.off('warning', warned));
    await log.offsets({ topic: await freshTopic(log), partition: 0 });

    const RequestQueue = require('kafkajs/src/network/requestQueue') as new (options: object) => {
      throttleCheckTimeoutId: unknown;
      scheduleCheckPendingRequests(): void;
    };
    const queue = new RequestQueue({ logger: { debug: () => undefined } });
    queue.scheduleCheckPendingRequests();

    expect(queue.throttleCheckTimeoutId).toBeNull();
    expect(warnings).toEqual([]);
  });
});

async function commitTo(
  writer: Awaited<ReturnType<EventLog['openWriter']>>,
  rows: string,
  index: number,
): Promise<void> {
  const record = { topic: rows, key: bytes(`sensor_${index}`), value: bytes('row') };
  await writer.commit({ nextOffset: index, metadata: '', records: [record] });
}

/** A plain kafkajs producer, as other programs have: what it aborts, we must not see. */
async function transactional(name: string): Promise<Producer> {
  const producer = client.producer({
    transactionalId: uniqueName(name),
    maxInFlightRequests: 1,
    idempotent: true,
    createPartitioner: () => () => 0,
  });
  await producer.connect();
  onTestFinished(() => producer.disconnect());
  return producer;
}

async function sendTo(transaction: Transaction, topic: string, value: string): Promise<void> {
  await transaction.send({ topic, messages: [{ value, partition: 0 }] });
}

function countRequests(method: string): { readonly count: number } {
  const { prototype } = require('kafkajs/src/broker') as {
    prototype: Record<string, (...parameters: unknown[]) => unknown>;
  };
  const original = prototype[method];
  const counter = { count: 0 };
  if (original === undefined) throw new Error(`kafkajs's broker has no ${method}`);
  prototype[method] = function (...parameters) {
    counter.count += 1;
    return original.apply(this, parameters);
  };
  onTestFinished(() => {
    prototype[method] = original;
  });
  return counter;
}

/** Ends every connection of this process to the brokers, without a word; returns how many there were. */
function breakConnections(): number {
  const ports = kafkaBrokers.map((broker) => Number(broker.split(':')[1]));
  const handles: unknown = Reflect.get(process, '_getActiveHandles');
  if (typeof handles !== 'function') return 0;
  const sockets = (Reflect.apply(handles, process, []) as unknown[]).filter(
    (handle): handle is Socket =>
      handle instanceof Socket && ports.includes(handle.remotePort ?? -1),
  );
  for (const socket of sockets) socket.destroy(new Error('broken by the test'));
  return sockets.length;
}
