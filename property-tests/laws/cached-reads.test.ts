// A store whose answers come in order and late, and that tells of changes on a way of its own, later or sooner than its
// answers; the cache in front of it under random interleavings of reads, writes, answers, tellings and lost connections.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CachedReads, type CacheBounds } from '../../src/stores/redis/cached-reads.ts';
import { runs, titled } from '../seed.ts';

type Step =
  | { readonly kind: 'read'; readonly ids: readonly string[] }
  | { readonly kind: 'write'; readonly id: string }
  | { readonly kind: 'answer' | 'fail' | 'tell' | 'break' | 'follow' }
  | { readonly kind: 'fresh'; readonly fresh: boolean };

const idsAll = ['a', 'b', 'c'];
const id = fc.constantFrom(...idsAll);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('read'), ids: fc.array(id, { maxLength: 4 }) }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('write'), id }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('answer') }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('tell') }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('fail', 'break', 'follow') }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('fresh'), fresh: fc.boolean() }) },
);

interface UnderWay {
  readonly ids: readonly string[];
  /** Decided when Redis executes the read, which is when it is sent here. */
  readonly rows: readonly number[];
  readonly resolve: (rows: readonly number[]) => void;
  readonly reject: (error: Error) => void;
}

/** The store: each id's row is how often it was written. It tells only of what was read since it last told of it. */
class World {
  readonly rows: Map<string, number> = new Map(idsAll.map((each) => [each, 0]));
  readonly underWay: UnderWay[] = [];
  readonly untold: string[] = [];
  readonly tracked = new Set<string>();
  readonly reads: (readonly string[])[] = [];
  following = true;
  fresh = true;

  isFresh(): boolean {
    return this.following && this.fresh;
  }

  read(ids: readonly string[]): Promise<readonly number[]> {
    this.reads.push(ids);
    if (this.following) for (const each of ids) this.tracked.add(each);
    const rows = ids.map((each) => this.rows.get(each) ?? 0);
    return new Promise((resolve, reject) => this.underWay.push({ ids, rows, resolve, reject }));
  }

  write(written: string): void {
    this.rows.set(written, (this.rows.get(written) ?? 0) + 1);
    if (this.tracked.delete(written)) this.untold.push(written);
  }
}

/** Runs the steps; `answers` are in the order in which they came. */
async function run(
  steps: readonly Step[],
  bounds: Partial<CacheBounds>,
): Promise<{ readonly world: World; readonly answers: readonly Answer[] }> {
  const answers: Answer[] = [];
  const world = new World();
  const cache = new CachedReads<number>((ids) => world.read(ids), world, {
    ...{ rowsMax: Infinity, bytesMax: Infinity, rowBytes },
    ...bounds,
  });
  const told = new Map(world.rows);
  const answered = new Map<string, number>();
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  for (const each of steps) {
    if (each.kind === 'read') {
      // A cached row with no notice pending is current. A store that cannot notify must be asked.
      for (const [known, row] of world.rows)
        if (!world.untold.includes(known)) told.set(known, row);
      const least = world.isFresh() ? told : world.rows;
      const asked = { told: new Map(least), answered: new Map(answered) };
      const readsBefore = world.reads.length;
      const { ids } = each;
      const answer = (rows: readonly number[]): void => {
        answers.push({ ids, rows, ...asked, held: new Map(world.rows) });
        ids.forEach((id, index) => raise(answered, id, rows[index] ?? -1));
      };
      const kept = cache.readKept(ids);
      if (kept !== undefined) answer(kept);
      void cache.read(ids).then(answer, () => undefined);
      // Whoever may be answered at once is never sent to the store.
      if (kept !== undefined) expect(world.reads).toHaveLength(readsBefore);
      expect(world.reads.length - readsBefore).toBeLessThanOrEqual(1);
    } else if (each.kind === 'write') world.write(each.id);
    else if (each.kind === 'answer' || each.kind === 'fail') {
      const first = world.underWay.shift();
      if (each.kind === 'answer') first?.resolve(first.rows);
      else first?.reject(new Error('lost'));
    } else if (each.kind === 'tell') {
      const changed = world.untold.shift();
      if (changed !== undefined) cache.changed(changed);
    } else if (each.kind === 'break') {
      world.following = false;
      world.untold.length = 0;
      world.tracked.clear();
      for (const read of world.underWay.splice(0)) read.reject(new Error('closed'));
      cache.clear();
    } else if (each.kind === 'follow') world.following = true;
    else if (each.kind === 'fresh') world.fresh = each.fresh;
    await settle();
  }
  return { world, answers };
}

function raise(newest: Map<string, number>, id: string, row: number): void {
  newest.set(id, Math.max(newest.get(id) ?? 0, row));
}

interface Answer {
  readonly ids: readonly string[];
  readonly rows: readonly number[];
  /** When it was asked: what had been told of, and the newest that had been answered. */
  readonly told: ReadonlyMap<string, number>;
  readonly answered: ReadonlyMap<string, number>;
  /** When it was answered: what the store held. */
  readonly held: ReadonlyMap<string, number>;
}

const steps = fc.array(step, { maxLength: 60, size: 'max' });
const rowBytes = 10;
const bounds: fc.Arbitrary<Partial<CacheBounds>> = fc.oneof(
  fc.record({ rowsMax: fc.integer({ min: 1, max: 4 }) }),
  // Less than one row has room to, and as many as there are ids.
  fc.record({ bytesMax: fc.integer({ min: 0, max: 40 }) }),
);

describe('cached reads', () => {
  it(titled('answer what the store held at some time after the change that was told last'), () =>
    fc.assert(
      fc.asyncProperty(steps, bounds, async (plan, max) => {
        const { answers } = await run(plan, max);
        for (const { ids, rows, told, held } of answers) {
          ids.forEach((each, index) => {
            expect(rows[index]).toBeGreaterThanOrEqual(told.get(each) ?? 0);
            expect(rows[index]).toBeLessThanOrEqual(held.get(each) ?? 0);
          });
        }
      }),
      runs(1000),
    ),
  );

  it(titled('never go back: who asks after an answer gets no older row'), () =>
    fc.assert(
      fc.asyncProperty(steps, bounds, async (plan, max) => {
        const { answers } = await run(plan, max);
        for (const { ids, rows, answered } of answers) {
          ids.forEach((each, index) => {
            expect(rows[index]).toBeGreaterThanOrEqual(answered.get(each) ?? 0);
          });
        }
      }),
      runs(1000),
    ),
  );

  it(titled('ask the store for nothing that was read and has not changed since'), () =>
    fc.assert(
      fc.asyncProperty(fc.array(fc.uniqueArray(id), { maxLength: 20 }), async (asked) => {
        const everything: Step[] = asked.flatMap((ids) => [
          { kind: 'read', ids },
          { kind: 'answer' },
        ]);
        const { world } = await run(everything, { rowsMax: idsAll.length });
        expect([...world.reads.flat()].sort()).toEqual([...new Set(asked.flat())].sort());
      }),
      runs(100),
    ),
  );

  it(titled('hold at most as many rows as they may'), () =>
    fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 5 }), async (max) => {
        const ids = Array.from({ length: 20 }, (_, index) => `s${index}`);
        const asked: string[] = [];
        const always = { following: true, isFresh: () => true };
        const cache = new CachedReads<string>(
          (missing) => {
            asked.push(...missing);
            return Promise.resolve(missing);
          },
          always,
          { rowsMax: max, bytesMax: Infinity, rowBytes },
        );
        await cache.read(ids);
        asked.length = 0;

        const again = await cache.read(ids);

        expect(again).toEqual(ids);
        expect(asked).toEqual(ids.slice(0, -max));
      }),
      runs(5),
    ),
  );

  it(titled('hold at most the bytes that they may, and none once all has changed'), () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 12 }),
        fc.integer({ min: 0, max: 2_000 }),
        fc.boolean(),
        async (lengths, bytesMax, isCleared) => {
          const ids = lengths.map((length) => 's'.repeat(length));
          const always = { following: true, isFresh: () => true };
          const bounded = { rowsMax: Infinity, bytesMax, rowBytes };
          const cache = new CachedReads<string>(async (missing) => missing, always, bounded);
          for (const each of ids) {
            await cache.read([each]);
            expect(cache.bytes).toBeLessThanOrEqual(bytesMax);
            const needed = rowBytes + 2 * each.length;
            expect(cache.readKept([each])).toEqual(needed <= bytesMax ? [each] : undefined);
          }

          if (isCleared) cache.clear();
          else for (const each of ids) cache.changed(each);

          expect(cache.bytes).toBe(0);
        },
      ),
      runs(100),
    ),
  );
});
