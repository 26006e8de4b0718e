import { expect, test } from 'vitest';
import type { FetchedBatch } from '../../../src/log/event-log.ts';
import { Lane } from '../../../src/log/kafka/lane.ts';
import { recordCursor } from '../../../src/log/record-batch.ts';
import { closedGate, type Gate } from '../../contracts/event-log-harness.ts';

class Host {
  readonly delivered: number[] = [];
  readonly failures: unknown[] = [];
  changes = 0;
  gate: Gate | undefined;
  fails = false;

  async onBatch(batch: FetchedBatch): Promise<void> {
    this.delivered.push(batch.fetchOffset);
    await this.gate?.opened;
    if (this.fails) throw new Error('the shard failed');
  }

  fetchingChanged(): void {
    this.changes += 1;
  }

  failed(error: unknown): void {
    this.failures.push(error);
  }
}

function batch(fetchOffset: number): FetchedBatch {
  return {
    topic: 't',
    partition: 0,
    fetchOffset,
    nextOffset: fetchOffset + 10,
    highWatermark: 100,
    bytes: 0,
    records: () => recordCursor([]),
  };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a lane that was not started takes nothing and asks for nothing', () => {
  const lane = new Lane(new Host());

  expect(lane.offer(batch(0))).toBe(false);
  expect(lane.fetching).toBe(false);
});

test('only what was fetched at the lane’s position is taken', async () => {
  const host = new Host();
  const lane = new Lane(host);
  lane.start(20);

  expect([lane.offer(batch(10)), lane.offer(batch(20)), lane.offer(batch(20))]).toEqual([
    false,
    true,
    false,
  ]);
  await settled();

  expect(host.delivered).toEqual([20]);
  expect(lane.nextFetch).toBe(30);
});

test('a slow shard holds one batch, two wait, and then fetching stops until there is room', async () => {
  const host = new Host();
  host.gate = closedGate();
  const lane = new Lane(host);
  lane.start(0);

  lane.offer(batch(0));
  lane.offer(batch(10));
  expect(lane.fetching).toBe(true);
  lane.offer(batch(20));
  expect(lane.fetching).toBe(false);
  expect(host.delivered).toEqual([0]);
  host.gate.open();
  await settled();

  expect(host.delivered).toEqual([0, 10, 20]);
  expect(lane.fetching).toBe(true);
});

test('room is waited for, but not for ever', async () => {
  const host = new Host();
  host.gate = closedGate();
  const lane = new Lane(host);
  lane.start(0);
  lane.offer(batch(0));
  lane.offer(batch(10));

  await lane.room(1);
  const room = lane.room(60_000);
  host.gate.open();
  await room;

  expect(host.delivered).toEqual([0, 10]);
});

test('a start drops what waits, and a pause keeps it', async () => {
  const host = new Host();
  host.gate = closedGate();
  const lane = new Lane(host);
  lane.start(0);
  lane.offer(batch(0));
  lane.offer(batch(10));

  lane.start(50);
  lane.setPaused(true);
  lane.offer(batch(50));
  host.gate.open();
  await settled();
  expect(host.delivered).toEqual([0]);
  lane.setPaused(false);
  await settled();

  expect(host.delivered).toEqual([0, 50]);
});

test('closing waits for the running batch and delivers no other', async () => {
  const host = new Host();
  host.gate = closedGate();
  const lane = new Lane(host);
  lane.start(0);
  lane.offer(batch(0));
  lane.offer(batch(10));

  let closed = false;
  const closing = lane.close().then(() => {
    closed = true;
  });
  await settled();
  expect(closed).toBe(false);
  host.gate.open();
  await closing;

  expect(host.delivered).toEqual([0]);
  expect(lane.offer(batch(20))).toBe(false);
});

test('a shard that rejects is reported, not lost', async () => {
  const host = new Host();
  host.fails = true;
  const lane = new Lane(host);
  lane.start(0);

  lane.offer(batch(0));
  await settled();

  expect(host.failures).toHaveLength(1);
});
