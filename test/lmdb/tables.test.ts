import { expect, onTestFinished, test } from 'vitest';

import { UnavailableError } from '../../src/errors.ts';
import { openDurableTables, type Tables } from '../../src/lmdb/tables.ts';
import { temporaryFolder } from '../log/embedded/child-process.ts';

function openFresh(): { tables: Tables; dataDir: string } {
  const dataDir = temporaryFolder();
  const tables = openDurableTables({ dataDir, name: 'log', tables: ['t'] });
  onTestFinished(() => tables.close());
  return { tables, dataDir };
}

const key = Buffer.from('key');

function increment(tables: Tables): Promise<unknown> {
  return tables.update((view) => {
    const count = view.get('t', key)?.readUInt32BE(0) ?? 0;
    const next = Buffer.alloc(4);
    next.writeUInt32BE(count + 1, 0);
    view.put('t', key, next);
  });
}

function countIn(tables: Tables): number {
  tables.refresh();
  return tables.get('t', key)?.readUInt32BE(0) ?? 0;
}

test('an update that arrives just as the one before ends is not lost', async () => {
  const { tables } = openFresh();

  for (let round = 0; round < 60; round += 1) {
    await increment(tables);
    // The queue falls idle within a few microtasks; the next update comes at each of them.
    for (let ticks = 0; ticks < round % 12; ticks += 1) await Promise.resolve();
  }

  expect(countIn(tables)).toBe(60);
});

test('concurrent updates see each other: none is lost', async () => {
  const { tables, dataDir } = openFresh();
  const other = openDurableTables({ dataDir, name: 'log', tables: [] });

  await Promise.all(
    Array.from({ length: 200 }, (_, index) => increment(index % 2 === 0 ? tables : other)),
  );

  expect(countIn(tables)).toBe(200);
  await other.close();
});

test('a plan that throws rejects its own update, leaves nothing, and does not disturb its neighbours', async () => {
  const { tables } = openFresh();

  const outcomes = await Promise.allSettled([
    increment(tables),
    tables.update((view) => {
      view.put('t', Buffer.from('half'), Buffer.from('x'));
      view.remove('t', key);
      throw new Error('no');
    }),
    increment(tables),
  ]);

  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(countIn(tables)).toBe(2);
  expect(tables.get('t', Buffer.from('half'))).toBeUndefined();
});

test('a plan sees its own writes, and a removed key is gone', async () => {
  const { tables } = openFresh();
  await increment(tables);

  const { result } = await tables.update((view) => {
    view.remove('t', key);
    const afterRemoval = view.get('t', key);
    view.put('t', Buffer.from('new'), Buffer.from('1'));
    return [afterRemoval, view.get('t', Buffer.from('new'))?.toString()];
  });

  expect(result).toEqual([undefined, '1']);
  expect(countIn(tables)).toBe(0);
});

test('a range is in key order and can be left early', async () => {
  const { tables } = openFresh();
  await tables.update((view) => {
    for (const name of ['d', 'a', 'c', 'b']) view.put('t', Buffer.from(name), Buffer.from(name));
  });
  const range = { from: Buffer.from('a'), to: Buffer.from('d') };

  const all = [...tables.range('t', range)].map((entry) => entry.value.toString());
  let first = '';
  for (const entry of tables.range('t', range)) {
    first = entry.key.toString();
    break;
  }
  await increment(tables);

  expect(all).toEqual(['a', 'b', 'c']);
  expect(first).toBe('a');
});

test('values that were read stay as they were when the table changes', async () => {
  const { tables } = openFresh();
  const value = (fill: number): Buffer => Buffer.alloc(100_000, fill);
  await tables.update((view) => view.put('t', key, value(1)));

  const read = tables.get('t', key);
  const [ranged] = tables.range('t', { from: Buffer.from('a'), to: Buffer.from('z') });
  for (let fill = 2; fill < 6; fill += 1) {
    await tables.update((view) => view.put('t', key, value(fill)));
    tables.refresh();
    tables.get('t', key);
  }

  expect(read?.equals(value(1))).toBe(true);
  expect(ranged?.value.equals(value(1))).toBe(true);
});

test('closed tables reject calls, and other handles of the thread continue', async () => {
  const { tables, dataDir } = openFresh();
  const other = openDurableTables({ dataDir, name: 'log', tables: [] });

  await other.close();
  await other.close();

  expect(() => other.get('t', key)).toThrow(UnavailableError);
  await expect(increment(other)).rejects.toBeInstanceOf(UnavailableError);
  await increment(tables);
  expect(countIn(tables)).toBe(1);
});
