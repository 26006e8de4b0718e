import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gathered } from '../../src/stores/redis/gathered-reads.ts';
import { runs, titled } from '../seed.ts';

type Call = readonly string[];

const idsMax = 5;
const call = fc.array(fc.constantFrom('a', 'b', 'c', 'bad'), { maxLength: 8 });
const turns = fc.array(fc.array(call, { minLength: 1 }), { minLength: 1, maxLength: 4 });

/** The calls of a turn that are read together: as many as follow each other with up to `idsMax` ids, or one that has more. */
function groupsOf(calls: readonly Call[]): Call[][] {
  const groups: Call[][] = [];
  let room = -1;
  for (const ids of calls) {
    if (groups.length === 0 || ids.length > room) {
      groups.push([]);
      room = idsMax;
    }
    room -= ids.length;
    groups.at(-1)?.push(ids);
  }
  return groups;
}

const found = (id: string): string => `found ${id}`;

/** A store that finds every id but the bad ones, and whom it was asked for together. */
function store(): { readonly asked: Call[]; read(ids: Call): Promise<string[]> } {
  const asked: Call[] = [];
  return {
    asked,
    read(ids) {
      asked.push(ids);
      if (ids.includes('bad')) return Promise.reject(new Error('bad'));
      return Promise.resolve(ids.map(found));
    },
  };
}

describe('gathered reads', () => {
  const law = 'answer each call with its own ids, and fail those alone that were read together';
  it(titled(law), () =>
    fc.assert(
      fc.asyncProperty(turns, async (callsOfTurns) => {
        const { asked, read } = store();
        const readGathered = gathered(read, idsMax);
        for (const calls of callsOfTurns) {
          asked.length = 0;
          const answers = await Promise.allSettled(calls.map((ids) => readGathered(ids)));
          const groups = groupsOf(calls);
          expect(asked).toEqual(groups.map((group) => group.flat()));
          const expected = groups.flatMap((group) => {
            const fails = group.flat().includes('bad');
            return group.map((ids) => (fails ? 'failed' : ids.map(found)));
          });
          const got = answers.map((each) => (each.status === 'rejected' ? 'failed' : each.value));
          expect(got).toEqual(expected);
        }
      }),
      runs(200),
    ),
  );
});
