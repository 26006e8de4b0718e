// A session that folds one fetched batch of far more than a commit should hold: what the outbox and a commit hold stays
// bounded, and others have their turns meanwhile.
import { describe, expect, it } from 'vitest';

import {
  recoveredShard,
  recoveryWorld,
  type RecoveryWorld,
} from '../../property-tests/simulation/recovery-world.ts';
import { CommitSize } from '../../src/actors/commit-size.ts';
import { Session } from '../../src/actors/session.ts';
import type { Clock } from '../../src/clock.ts';
import { deferred, type Deferred } from '../../src/deferred.ts';
import type { CommitResult, FetchedBatch, PartitionWriter } from '../../src/log/event-log.ts';
import { encodeRecordBatch } from '../../src/log/record-batch-encoder.ts';
import { recordCursor } from '../../src/log/record-batch.ts';

/** Some 30 kB as a producer compresses it. */
const recordsOfBatch = 60_000;
const recordsPerCommitMax = 10_000;
/** The fold looks at the outbox after so many records at the latest. */
const records = { perLook: 64 };

/** A writer whose commits end when the test says so. */
function writerOf(): {
  readonly writer: PartitionWriter;
  readonly commits: { readonly nextOffset: number; readonly records: number }[];
  readonly answers: Deferred<CommitResult>[];
} {
  const commits: { nextOffset: number; records: number }[] = [];
  const answers: Deferred<CommitResult>[] = [];
  const writer: PartitionWriter = {
    epoch: '1',
    commit: (commit) => {
      commits.push({ nextOffset: commit.nextOffset, records: [...commit.records].length });
      const answer = deferred<CommitResult>();
      answers.push(answer);
      return answer.promise;
    },
    begin: () => undefined,
    close: () => Promise.resolve(),
  };
  return { writer, commits, answers };
}

async function sessionOf(
  world: RecoveryWorld,
  writer: PartitionWriter,
  clock: Partial<Clock> = {},
): Promise<Session> {
  const recovered = await world.recover();
  const named = { place: '', length: 0, checksum: 0 };
  const context = {
    ...world.context,
    clock: { ...world.context.clock, sleep: turn, ...clock },
    snapshots: {
      ...world.context.snapshots,
      write: (_: string, id: string) => Promise.resolve({ id, ...named }),
    },
  };
  const size = new CommitSize({ transactionTimeoutMs: 60_000 });
  const session = new Session(context, recoveredShard, { ...writer, size }, recovered, {
    live: () => undefined,
    failed: (error) => expect.unreachable(String(error)),
    decided: () => undefined,
    seek: () => undefined,
    setPaused: () => undefined,
    unansweredMs: () => 0,
  });
  session.begin();
  return session;
}

/** Records of which none can be read. */
function batchOf(count: number, release: () => void = () => undefined): FetchedBatch {
  const value = Buffer.from('x');
  const bytes = encodeRecordBatch(
    Array.from({ length: count }, () => ({ topic: recoveredShard.topic, key: null, value })),
    { baseOffset: 0, timestampMs: 0 },
  );
  return {
    ...recoveredShard,
    ...{ fetchOffset: 0, nextOffset: count, highWatermark: count, bytes: bytes.length },
    records: () => recordCursor(bytes),
    release,
  };
}

/** Resolves once `work` has, `meanwhile` being called at every turn of the event loop. */
async function ended(work: Promise<unknown>, meanwhile: () => void): Promise<void> {
  let done = false;
  void work.then(() => (done = true));
  for (; !done; await turn()) meanwhile();
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a fetched batch of more than a commit should hold', () => {
  it('is folded as commits make room: none holds more than the outbox may', async () => {
    const { writer, commits, answers } = writerOf();
    const session = await sessionOf(recoveryWorld(), writer);
    let released = false;
    const seen = { underWay: 0, waitingMax: 0 };
    const answerNext = (): void => {
      seen.waitingMax = Math.max(seen.waitingMax, session.memory.position - seen.underWay);
      expect(released).toBe(session.memory.position === recordsOfBatch);
      seen.underWay = commits[answers.length - 1]?.nextOffset ?? 0;
      answers.at(-1)?.resolve([]);
    };

    await ended(session.onBatch(batchOf(recordsOfBatch, () => (released = true))), answerNext);
    await ended(session.drain(), answerNext);

    const counts = commits.map((commit) => commit.records);
    expect(Math.max(...counts)).toBeLessThan(recordsPerCommitMax + records.perLook);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(recordsOfBatch);
    expect(seen.waitingMax).toBeLessThan(2 * recordsPerCommitMax + records.perLook);
    expect(released).toBe(true);
  });

  it('leaves the thread to others when its time is over, and takes commands in between', async () => {
    const { writer, commits, answers } = writerOf();
    const pauses: (() => void)[] = [];
    let nowMs = 0;
    const session = await sessionOf(recoveryWorld(), writer, {
      // Each look at the clock finds that a slice has passed.
      monotonicMs: () => (nowMs += 50),
      sleep: () => new Promise<void>((resolve) => pauses.push(resolve)),
    });

    const folding = session.onBatch(batchOf(1_000));
    const positions: number[] = [];
    for (let pause = 0; pauses.length > pause; await turn()) {
      positions.push(session.memory.position);
      session.tick();
      await expect(session.command(reset('unknown'))).resolves.toBeUndefined();
      pauses[pause]?.();
      pause += 1;
    }
    await folding;

    expect(positions.length).toBeGreaterThan(1_000 / records.perLook - 2);
    expect(positions).toEqual([...positions].sort((a, b) => a - b));
    expect(session.memory.position).toBe(1_000);
    answers[0]?.resolve([]);
    expect(commits[0]?.nextOffset).toBe(positions[0]);
  });

  it('is left where it is by a drain, and its rest to the next owner', async () => {
    const { writer, commits, answers } = writerOf();
    const session = await sessionOf(recoveryWorld(), writer);

    const folding = session.onBatch(batchOf(recordsOfBatch));
    const draining = session.drain();
    await ended(Promise.all([folding, draining]), () => answers.at(-1)?.resolve([]));

    expect(commits.at(-1)?.nextOffset).toBe(session.memory.position);
    expect(session.memory.position).toBeLessThan(recordsOfBatch / 2);
  });
});

const reset = (sensorId: string): Parameters<Session['command']>[0] => ({
  ...{ name: 'reset', sensorId, message: '' },
});
