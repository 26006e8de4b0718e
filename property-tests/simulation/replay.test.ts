// Time travel over what histories with kills, silence and full disks left behind: the state at any offset of any shard is,
// byte for byte, the one a single fold over the log has there, from whichever snapshot the replay began.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { encodeShardSnapshot } from '../../src/actors/shard-memory.ts';
import { foldNext, shardAt } from '../../src/past/past-shard.ts';
import { runs, titled } from '../seed.ts';
import { faultFreeSnapshot } from './fault-free-state.ts';
import { historySemantics, runHistory, type HistoryPlan } from './history.ts';
import { replayContextOf } from './left-behind.ts';
import { simulatedTopics } from './simulated-process.ts';

const plans: fc.Arbitrary<HistoryPlan> = fc.record({
  seed: fc.nat(0x7fffffff),
  partitions: fc.integer({ min: 1, max: 2 }),
  sensors: fc.integer({ min: 1, max: 4 }),
  readings: fc.integer({ min: 50, max: 300 }),
  holes: fc.constantFrom(0, 0.1),
  unkeyed: fc.constantFrom(0, 0.3),
  bad: fc.constant(0.05),
  late: fc.constant(0.1),
  callFaults: fc.constant(0),
  diskFaults: fc.constantFrom(0, 0.3),
  diskLists: fc.boolean(),
  processes: fc.constantFrom(1, 2),
  events: fc.array(
    fc.record({
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      process: fc.nat(3),
      kind: fc.constantFrom('kill' as const, 'drain' as const, 'stall' as const),
    }),
    { maxLength: 3 },
  ),
  workers: fc.constant(1),
  crashes: fc.constant([]),
  traps: fc.constantFrom(0.02, 0.1),
  commands: fc.array(
    fc.record({
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      process: fc.nat(3),
      sensor: fc.nat(5),
      name: fc.constantFrom('quarantine' as const, 'release' as const, 'reset' as const),
    }),
    { maxLength: 4 },
  ),
  silence: fc.constantFrom(0, 0.4),
  inputKeying: fc.constantFrom('auto' as const, 'rekey' as const),
  sensorTtlMs: fc.constantFrom(Infinity, 15_000),
  baseline: fc.constantFrom('cumulative' as const, 'adaptive' as const),
  clientTime: fc.constant('monotonic' as const),
  commitBytesMax: fc.constantFrom(1, 1_500, undefined),
});

describe('replay', () => {
  it(titled('at any offset gives the state a live fold had there, bit for bit'), async () => {
    const starts = { snapshot: 0, origin: 0 };
    let quarantined = 0;
    await fc.assert(
      fc.asyncProperty(
        plans,
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 6, maxLength: 6 }),
        async (plan, shares) => {
          const result = await runHistory(plan);
          const semantics = historySemantics(plan);
          const context = replayContextOf(result, semantics, plan.partitions);
          const left = { ...result, semantics };

          for (const [index, share] of [...shares, 1].entries()) {
            const topic = index % 2 === 0 ? simulatedTopics.input : simulatedTopics.rekeyed;
            const shard = { topic, partition: index % plan.partitions };
            const offset = Math.floor(share * result.broker.end(shard));
            const past = await shardAt(context, shard, offset);
            starts[past.startedFrom] += 1;
            quarantined += past.memory.quarantines.size;

            const found = encodeShardSnapshot(past.memory, shard, 0);
            const expected = faultFreeSnapshot(left, shard, offset, 0);
            expect(Buffer.compare(found, expected), `${topic} at ${offset}`).toBe(0);

            await foldNext(context, past);
            if (offset === result.broker.end(shard)) continue;
            const next = await shardAt(context, shard, offset + 1);
            // An entry of the journal at the next offset is applied only by a replay up to there.
            if (next.memory.journalSequence !== past.memory.journalSequence) continue;
            const stepped = encodeShardSnapshot(past.memory, shard, 0);
            expect(Buffer.compare(stepped, encodeShardSnapshot(next.memory, shard, 0))).toBe(0);
          }
        },
      ),
      runs(12),
    );

    expect(Math.min(starts.snapshot, starts.origin, quarantined)).toBeGreaterThan(0);
  });
});
