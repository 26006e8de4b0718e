// The commit pipeline of one session, over a writer whose commits end when the test says so.
import { describe, expect, it } from 'vitest';

import { historySemantics, type HistoryPlan } from '../../property-tests/simulation/history.ts';
import { createScheduler } from '../../property-tests/simulation/scheduler.ts';
import { Life, processClock } from '../../property-tests/simulation/simulated-life.ts';
import { simulatedTopics } from '../../property-tests/simulation/simulated-process.ts';
import { unwatchedSources } from '../../property-tests/simulation/unwatched-sources.ts';
import type { Clock } from '../../src/clock.ts';
import {
  closesSoon,
  closesSoonMs,
  farBehindRecords,
  offsetIntervalMs,
} from '../../src/actors/commit-policy.ts';
import { CommitSize } from '../../src/actors/commit-size.ts';
import { Committer } from '../../src/actors/committer.ts';
import { createOutbox, type Outbox } from '../../src/actors/outbox.ts';
import {
  decodePositionMetadata,
  type PositionMetadata,
} from '../../src/actors/position-metadata.ts';
import type { ShardContext } from '../../src/actors/shard-context.ts';
import { emptyMemory, encodeShardSnapshot } from '../../src/actors/shard-memory.ts';
import { deferred, type Deferred } from '../../src/deferred.ts';
import { UnavailableError } from '../../src/errors.ts';
import type { CommitResult, PartitionWriter } from '../../src/log/event-log.ts';
import { createLogger } from '../../src/logger.ts';
import { createMetrics } from '../../src/metrics/pipeline-metrics.ts';
import { createShardState } from '../../src/sensors/shard-state.ts';

const semantics = historySemantics({ inputKeying: 'auto', baseline: 'cumulative' } as HistoryPlan);
const letter = { topic: simulatedTopics.deadLetters, key: null, value: null };

it('a drain that begins during a commit waits for it: the writer is asked for one commit at a time', async () => {
  const commits: Deferred<CommitResult>[] = [];
  let underWay = 0;
  let underWayMax = 0;
  const writer = {
    epoch: '1',
    commit: () => {
      const answer = deferred<CommitResult>();
      commits.push(answer);
      underWay += 1;
      underWayMax = Math.max(underWayMax, underWay);
      return answer.promise.finally(() => (underWay -= 1));
    },
    begin: () => undefined,
    close: () => Promise.resolve(),
  };
  const outbox = createOutbox({ featureRow: () => letter, anomaly: () => undefined });
  const failures: unknown[] = [];
  const committer = committerOf({
    context: contextOf(processClock(createScheduler(1, 0), new Life())),
    writer,
    memory: emptyMemory('source', semantics, 0),
    outbox,
    onFailed: (error) => failures.push(error),
  });
  outbox.deadLetter('late', letter);
  committer.poke();
  closeOneWindow(outbox);
  expect(outbox.featureRows).toBe(1);

  let drained = false;
  const draining = committer.drain().then(() => (drained = true));
  for (let answered = 0; !drained; answered += 1) {
    commits[answered]?.resolve([]);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await draining;

  expect(underWayMax).toBe(1);
  expect(outbox.featureRows).toBe(0);
  expect(failures).toEqual([]);
});

it('offsets alone are not committed just before a window closes', async () => {
  const delaysMs: number[] = [];
  const clock: Clock = {
    ...processClock(createScheduler(1, 0), new Life()),
    monotonicMs: () => 0,
    after: (delayMs) => {
      delaysMs.push(delayMs);
      return { cancel: () => undefined };
    },
  };
  const memory = emptyMemory('source', semantics, 0);
  const outbox = createOutbox({ featureRow: () => letter, anomaly: () => undefined });
  const writer = {
    epoch: '1',
    commit: () => Promise.resolve([]),
    begin: () => undefined,
    close: () => Promise.resolve(),
  };
  const committer = committerOf({
    context: contextOf(clock),
    writer,
    memory,
    outbox,
    onFailed: (error) => expect.unreachable(String(error)),
  });
  const foldAt = (eventTimeMs: number): void => {
    const idBytes = Buffer.from('a');
    const timestampMs = eventTimeMs;
    memory.state.fold({ idBytes, idStart: 0, idEnd: 1, timestampMs, value: 1 }, 0, 0, outbox);
    memory.position += 1;
    committer.poke();
  };
  const { watermarkDelayMs, windowMs } = semantics;
  const closeMs = windowMs + watermarkDelayMs;

  foldAt(0);
  await new Promise((resolve) => setImmediate(resolve));
  foldAt(closeMs - closesSoonMs - 1);
  foldAt(closeMs - 1);

  // The first wait is for the snapshot of what was folded.
  expect(delaysMs).toEqual([30_000, offsetIntervalMs, offsetIntervalMs + closesSoonMs]);
});

it('the age of a window is observed once its rows are visible, once for all its sensors', async () => {
  const { watermarkDelayMs, windowMs } = semantics;
  const clock: Clock = {
    ...processClock(createScheduler(1, 0), new Life()),
    nowMs: () => windowMs + 7_000,
  };
  const answer = deferred<CommitResult>();
  const outbox = createOutbox({ featureRow: () => letter, anomaly: () => undefined });
  const context = contextOf(clock);
  const memory = emptyMemory('source', semantics, 0);
  const committer = committerOf({
    context,
    writer: {
      epoch: '1',
      commit: () => answer.promise,
      begin: () => undefined,
      close: () => Promise.resolve(),
    },
    memory,
    outbox,
    onFailed: (error) => expect.unreachable(String(error)),
  });
  const fold = (sensor: string, timestampMs: number): void => {
    const idBytes = Buffer.from(sensor);
    memory.state.fold({ idBytes, idStart: 0, idEnd: 1, timestampMs, value: 1 }, 0, 0, outbox);
  };
  fold('a', 0);
  fold('b', 0);
  fold('a', windowMs + watermarkDelayMs);
  fold('b', windowMs + watermarkDelayMs);
  expect(outbox.featureRows).toBe(2);
  committer.poke();
  const observed = async (): Promise<Readonly<Record<string, number | undefined>>> => {
    const { values } = await context.metrics.committedAgeSeconds.get();
    const of = (suffix: string): number | undefined =>
      values.find(({ metricName }) => metricName?.endsWith(suffix) === true)?.value;
    return { count: of('_count'), sum: of('_sum') };
  };

  const before = await observed();
  answer.resolve([]);
  await new Promise((resolve) => setImmediate(resolve));

  expect(before).toEqual({ count: 0, sum: 0 });
  expect(await observed()).toEqual({ count: 1, sum: 7 });
});

it('what came last before a silence gets its snapshot, named by a commit, and once', async () => {
  const scheduler = createScheduler(1, 0);
  const memory = emptyMemory('source', semantics, 0);
  const named: number[] = [];
  const writer = {
    epoch: '1',
    commit: ({ metadata }: { readonly metadata: string }) => {
      named.push((JSON.parse(metadata) as { snapshots: unknown[] }).snapshots.length);
      return Promise.resolve([]);
    },
    begin: () => undefined,
    close: () => Promise.resolve(),
  };
  const committer = committerOf({
    context: contextOf(processClock(scheduler, new Life())),
    writer,
    memory,
    outbox: createOutbox({ featureRow: () => letter, anomaly: () => undefined }),
    onFailed: (error) => expect.unreachable(String(error)),
  });
  memory.position = 5;
  committer.poke();

  await scheduler.runUntil(29_000);
  expect(named).toEqual([0]);
  await scheduler.runUntil(300_000);

  // At 30 s one that cuts the snapshot, then the one that names it.
  expect(named).toEqual([0, 0, 1]);
});

it('a transaction is begun ahead of the window that closes soon, once it is sure to be committed', async () => {
  const scheduler = createScheduler(1, 0);
  const memory = emptyMemory('source', semantics, 0);
  const calls: string[] = [];
  const outbox = createOutbox({ featureRow: () => letter, anomaly: () => undefined });
  const committer = committerOf({
    context: contextOf(processClock(scheduler, new Life())),
    writer: {
      epoch: '1',
      commit: () => {
        calls.push(`commit at ${scheduler.nowMs}`);
        return Promise.resolve([]);
      },
      begin: () => calls.push(`begin at ${scheduler.nowMs}`),
      close: () => Promise.resolve(),
    },
    memory,
    outbox,
    onFailed: (error) => expect.unreachable(String(error)),
  });
  const foldAt = (timestampMs: number): void => {
    const idBytes = Buffer.from('a');
    memory.state.fold({ idBytes, idStart: 0, idEnd: 1, timestampMs, value: 1 }, 0, 0, outbox);
    memory.position += 1;
    committer.poke();
  };
  const closeMs = semantics.windowMs + semantics.watermarkDelayMs;
  foldAt(0);
  await scheduler.runUntil(100);
  foldAt(closeMs - closesSoonMs - 1);
  expect(calls).toEqual(['commit at 0']);

  foldAt(closeMs - 1);
  await scheduler.runUntil(20_000);

  // Nothing more came: what was begun is ended all the same.
  expect(calls).toEqual(['commit at 0', 'begin at 100', 'commit at 1250']);
});

it.each([0, farBehindRecords + 1])('far behind none is begun ahead: lag %d', (lagRecords) => {
  const timing = { lagRecords, sinceLastCommitMs: 0, commitIntervalMs: 100, untilCloseMs: 1 };

  expect(closesSoon(timing)).toBe(lagRecords === 0);
});

it('the shards of a thread take turns with their snapshots, also after one whose commit failed', async () => {
  const scheduler = createScheduler(1, 0);
  const writes: Deferred<void>[] = [];
  let underWay = 0;
  let underWayMax = 0;
  const context: ShardContext = {
    ...contextOf(processClock(scheduler, new Life())),
    snapshots: {
      write: async (_: string, id: string) => {
        const answer = deferred<void>();
        writes.push(answer);
        underWay += 1;
        underWayMax = Math.max(underWayMax, underWay);
        await answer.promise.finally(() => (underWay -= 1));
        return { id, place: '', length: 0, checksum: 0 };
      },
    } as unknown as ShardContext['snapshots'],
  };
  const failures: unknown[] = [];
  const committers = [true, false, false].map((fails) => {
    const memory = emptyMemory('source', semantics, 0);
    let commits = 0;
    const committer = committerOf({
      context,
      writer: {
        epoch: '1',
        commit: () => {
          commits += 1;
          // The one that cuts the snapshot.
          return fails && commits === 2 ? Promise.reject(new Error('lost')) : Promise.resolve([]);
        },
        begin: () => undefined,
        close: () => Promise.resolve(),
      },
      memory,
      outbox: createOutbox({ featureRow: () => letter, anomaly: () => undefined }),
      onFailed: (error) => failures.push(error),
    });
    const moveTo = (position: number): void => {
      memory.position = position;
      committer.poke();
    };
    moveTo(5);
    return { committer, moveTo };
  });

  await scheduler.runUntil(31_000);
  expect(failures).toHaveLength(1);
  // Commits of other reasons do not cut one out of turn.
  for (const { moveTo } of committers) moveTo(6);
  await scheduler.runUntil(33_000);
  expect(writes).toHaveLength(1);
  writes[0]?.resolve();
  await scheduler.runUntil(35_000);
  writes[1]?.resolve();
  await scheduler.runUntil(36_000);

  expect(underWayMax).toBe(1);
  expect(committers.map(({ committer }) => committer.lastSnapshotMs !== null)).toEqual([
    false,
    true,
    true,
  ]);
});

it('a snapshot that is large beside its input is taken once as much input was folded, or ten minutes later', async () => {
  const scheduler = createScheduler(1, 0);
  const memory = emptyMemory('source', semantics, 0);
  const cutsMs: number[] = [];
  let failing = false;
  const context: ShardContext = {
    ...contextOf(processClock(scheduler, new Life())),
    snapshots: {
      write: (_: string, id: string) => {
        cutsMs.push(scheduler.nowMs);
        if (failing) return Promise.reject(new UnavailableError('full'));
        return Promise.resolve({ id, place: '', length: 1_000_000, checksum: 0 });
      },
      remove: () => Promise.resolve(),
    } as unknown as ShardContext['snapshots'],
  };
  const committer = committerOf({
    context,
    writer: {
      epoch: '1',
      commit: () => Promise.resolve([]),
      begin: () => undefined,
      close: () => Promise.resolve(),
    },
    memory,
    outbox: createOutbox({ featureRow: () => letter, anomaly: () => undefined }),
    onFailed: (error) => expect.unreachable(String(error)),
  });
  const fold = (bytes: number): void => {
    memory.position += 1;
    committer.folded(bytes);
    committer.poke();
  };

  fold(10);
  await scheduler.runUntil(100_000);
  fold(1_500_000);
  await scheduler.runUntil(200_000);
  expect(cutsMs).toEqual([30_000]);
  failing = true;
  fold(500_000);
  await scheduler.runUntil(203_000);
  failing = false;
  await scheduler.runUntil(300_000);
  fold(10);
  await scheduler.runUntil(1_000_000);

  // One that could not be stored is tried again in five seconds, whatever was folded meanwhile.
  expect(cutsMs).toEqual([30_000, 200_000, 205_000, 805_000]);
});

describe('a large snapshot', () => {
  const laterMs = 31_000;

  /** Where its room is just being made. */
  async function started(): Promise<{
    readonly scheduler: ReturnType<typeof createScheduler>;
    readonly turn: ShardContext['snapshotTurn'];
    readonly written: Uint8Array[];
    readonly committer: Committer;
    readonly memory: ReturnType<typeof emptyMemory>;
  }> {
    const scheduler = createScheduler(1, 0);
    const written: Uint8Array[] = [];
    const context: ShardContext = {
      ...contextOf(processClock(scheduler, new Life())),
      snapshots: {
        write: (_: string, id: string, bytes: Uint8Array) => {
          written.push(bytes);
          return Promise.resolve({ id, place: '', length: 0, checksum: 0 });
        },
      } as unknown as ShardContext['snapshots'],
    };
    const memory = emptyMemory('source', { ...semantics, sensorsMax: 15_000 }, 0);
    const outbox = createOutbox({ featureRow: () => letter, anomaly: () => undefined });
    for (let sensor = 0; sensor < 15_000; sensor += 1) {
      const idBytes = Buffer.from(`sensor_${sensor}`);
      const reading = { idBytes, idStart: 0, idEnd: idBytes.length, timestampMs: 0, value: sensor };
      memory.state.fold(reading, 0, sensor, outbox);
    }
    const committer = committerOf({
      context,
      writer: {
        epoch: '1',
        commit: () => Promise.resolve([]),
        begin: () => undefined,
        close: () => Promise.resolve(),
      },
      memory,
      outbox,
      onFailed: (error) => expect.unreachable(String(error)),
    });
    memory.position = 15_000;
    committer.poke();
    expect(await scheduler.runUntil(laterMs, () => context.snapshotTurn.taken)).toBe(true);
    expect([scheduler.nowMs, written]).toEqual([30_000, []]);
    return { scheduler, turn: context.snapshotTurn, written, committer, memory };
  }

  it('is copied once there is room for it, and holds the turn of its thread meanwhile', async () => {
    const { scheduler, turn, written, memory } = await started();

    await scheduler.runUntil(laterMs);

    expect(written).toHaveLength(1);
    const expected = encodeShardSnapshot(memory, { topic: simulatedTopics.input, partition: 0 }, 0);
    expect(expected.length).toBeGreaterThan(1024 * 1024);
    expect(Buffer.compare(written[0] ?? Buffer.of(), expected)).toBe(0);
    expect(turn.taken).toBe(false);
  });

  it('does not wait for its room when its shard drains', async () => {
    const { scheduler, turn, written, committer } = await started();

    await committer.drain();

    expect(written).toHaveLength(1);
    await scheduler.runUntil(laterMs);
    expect(written).toHaveLength(1);
    expect(turn.taken).toBe(false);
  });

  it('gives its turn back when its session is lost', async () => {
    const { scheduler, turn, written, committer } = await started();

    committer.close();

    expect(turn.taken).toBe(false);
    await scheduler.runUntil(laterMs);
    expect(written).toEqual([]);
    expect(turn.taken).toBe(false);
  });
});

it('snapshots of earlier owners that no metadata lists are removed where the store can list them', async () => {
  const scheduler = createScheduler(1, 0);
  const removed: string[] = [];
  const named = { id: '8-1-2-0', place: '', length: 0, checksum: 0, takenMs: 0 };
  const committer = committerOf({
    context: {
      ...contextOf(processClock(scheduler, new Life())),
      snapshots: {
        write: () => Promise.reject(new UnavailableError('full')),
        list: () => Promise.resolve(['8-1-1-0', '8-1-2-0', '8-2-3-0', '8-3-4-0', '7-1-1-0']),
        remove: (_: string, { id }: { readonly id: string }) => {
          removed.push(id);
          return Promise.resolve();
        },
      } as unknown as ShardContext['snapshots'],
    },
    writer: writerOf(() => Promise.resolve([]), '8-2'),
    memory: emptyMemory('source', semantics, 0),
    outbox: createOutbox({ featureRow: () => letter, anomaly: () => undefined }),
    onFailed: (error) => expect.unreachable(String(error)),
    metadata: { snapshots: [named], unnamed: [{ id: '5-5-5-5', length: 9 }] },
  });

  await committer.drain();

  // Not our own, not a later owner's, not the named one, and none whose age is unknown.
  expect(removed).toEqual(['5-5-5-5', '8-1-1-0']);
});

describe('a drain of several shards of a thread', () => {
  const sensors = 15_000;

  /** Shards with snapshots above a megabyte; each write takes `writeMs`. */
  function draining(
    shards: number,
    writeMs: number,
  ): {
    readonly scheduler: ReturnType<typeof createScheduler>;
    readonly drained: Promise<void>[];
    readonly underWayMax: () => number;
    readonly commits: readonly string[][];
  } {
    const scheduler = createScheduler(1, 0);
    const clock = processClock(scheduler, new Life());
    let underWay = 0;
    let underWayMax = 0;
    const context: ShardContext = {
      ...contextOf(clock),
      snapshots: {
        write: async (_: string, id: string) => {
          underWay += 1;
          underWayMax = Math.max(underWayMax, underWay);
          await clock.sleep(writeMs);
          underWay -= 1;
          return { id, place: '', length: 0, checksum: 0 };
        },
      } as unknown as ShardContext['snapshots'],
    };
    const commits: string[][] = [];
    const drained = Array.from({ length: shards }, () => {
      const memory = emptyMemory('source', { ...semantics, sensorsMax: sensors }, 0);
      const outbox = createOutbox({ featureRow: () => letter, anomaly: () => undefined });
      for (let sensor = 0; sensor < sensors; sensor += 1) {
        const idBytes = Buffer.from(`sensor_${sensor}`);
        const at = { idBytes, idStart: 0, idEnd: idBytes.length, timestampMs: 0, value: sensor };
        memory.state.fold(at, 0, sensor, outbox);
      }
      memory.position = sensors;
      const own: string[] = [];
      commits.push(own);
      const committer = committerOf({
        context,
        writer: writerOf(({ nextOffset, metadata }) => {
          const { snapshots } = JSON.parse(metadata) as { snapshots: unknown[] };
          own.push(`${nextOffset} with ${snapshots.length} at ${scheduler.nowMs}`);
          return Promise.resolve([]);
        }),
        memory,
        outbox,
        onFailed: (error) => expect.unreachable(String(error)),
      });
      return committer.drain();
    });
    return { scheduler, drained, underWayMax: () => underWayMax, commits };
  }

  it('commits all of them at once, and stores one large snapshot after the other', async () => {
    const { scheduler, drained, underWayMax, commits } = draining(3, 500);
    let done = false;
    void Promise.all(drained).then(() => (done = true));

    await scheduler.runUntil(20_000, () => done);

    expect(underWayMax()).toBe(1);
    expect(commits.map(([first]) => first)).toEqual(Array(3).fill('15000 with 0 at 0'));
    expect(commits.map((own) => own.at(-1)?.includes('with 1'))).toEqual([true, true, true]);
  });

  it('leaves without a last snapshot where the others take too long, everything committed', async () => {
    const { scheduler, drained, commits } = draining(3, 2_000);
    let done = false;
    void Promise.all(drained).then(() => (done = true));

    await scheduler.runUntil(5_500, () => done);

    expect(done).toBe(true);
    expect(commits.map((own) => own.at(-1)?.split(' at ')[0])).toEqual([
      '15000 with 1',
      '15000 with 1',
      '15000 with 0',
    ]);
  });
});

describe('a commit of more than one transaction may hold', () => {
  /** Ten dead letters at position 5, one a transaction; each takes a second. */
  function inParts(): {
    readonly scheduler: ReturnType<typeof createScheduler>;
    readonly committer: Committer;
    readonly memory: ReturnType<typeof emptyMemory>;
    readonly outbox: Outbox;
    readonly commits: readonly {
      readonly nextOffset: number;
      readonly metadata: PositionMetadata;
    }[];
  } {
    const scheduler = createScheduler(1, 0);
    const clock = processClock(scheduler, new Life());
    const commits: { nextOffset: number; metadata: PositionMetadata }[] = [];
    const memory = emptyMemory('source', semantics, 0);
    const outbox = createOutbox({ featureRow: () => letter, anomaly: () => undefined });
    const committer = committerOf({
      context: contextOf(clock),
      writer: writerOf(async ({ nextOffset, metadata }) => {
        await clock.sleep(1_000);
        commits.push({ nextOffset, metadata: decodePositionMetadata(metadata, 'test') });
        return [];
      }),
      memory,
      outbox,
      bytesMax: 1,
      onFailed: (error) => expect.unreachable(String(error)),
    });
    memory.position = 5;
    for (let count = 0; count < 10; count += 1) outbox.deadLetter('late', letter);
    committer.poke();
    return { scheduler, committer, memory, outbox, commits };
  }

  it('moves the position with the last; until then its metadata counts what is out', async () => {
    const { scheduler, committer, memory, outbox, commits } = inParts();
    // The fold goes on meanwhile.
    memory.position = 8;
    outbox.deadLetter('late', letter);

    await scheduler.runUntil(10_500);

    const counts = commits.map(({ metadata }) => metadata.partial?.others);
    expect(counts).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, undefined]);
    expect(commits.map(({ nextOffset }) => nextOffset)).toEqual([...Array<number>(9).fill(0), 5]);
    expect(commits[0]?.metadata.partial).toMatchObject({ offset: 5, sequence: 0, rows: 0 });
    expect(committer.totals.deadLetters).toBe(10);
    await scheduler.runUntil(20_000);
    expect(commits.at(-1)).toMatchObject({ nextOffset: 8, metadata: { version: 1 } });
  });

  it('is left to the next owner by a drain that has no time for all of it', async () => {
    const { scheduler, committer, commits } = inParts();
    await scheduler.runUntil(1_500);
    let drainedMs = Infinity;

    void committer.drain().then(() => (drainedMs = scheduler.nowMs));
    await scheduler.runUntil(30_000);

    // At 4.5 s its time is over, and a part is under way.
    expect(drainedMs).toBe(5_000);
    expect(commits).toHaveLength(5);
    expect(commits.at(-1)).toMatchObject({
      nextOffset: 0,
      metadata: { version: 2, partial: { others: 5 } },
    });
  });
});

type Parts = ConstructorParameters<typeof Committer>[0];

function committerOf({
  metadata,
  writer,
  bytesMax,
  ...parts
}: Pick<Parts, 'context' | 'memory' | 'outbox' | 'onFailed'> & {
  readonly writer: PartitionWriter;
  /** Of one transaction. */
  readonly bytesMax?: number;
  readonly metadata?: Pick<Parts['metadata'], 'snapshots' | 'unnamed'>;
}): Committer {
  return new Committer({
    ...parts,
    writer: { ...writer, size: new CommitSize({ transactionTimeoutMs: 60_000, bytesMax }) },
    shard: { topic: simulatedTopics.input, partition: 0 },
    metadata: {
      version: 1,
      origin: 0,
      fingerprint: '',
      sources: 1,
      watermarkMs: null,
      sourceMaxMs: null,
      sourceIdle: false,
      journal: { sequence: 0, originOffset: 0 },
      snapshots: [],
      ...metadata,
    },
    committedOffset: 0,
    journalOffset: 0,
  });
}

function writerOf(commit: PartitionWriter['commit'], epoch: string = '1'): PartitionWriter {
  return { epoch, commit, begin: () => undefined, close: () => Promise.resolve() };
}

function closeOneWindow(outbox: Outbox): void {
  const state = createShardState(semantics, { watermark: 'external' });
  const idBytes = Buffer.from('a');
  state.fold({ idBytes, idStart: 0, idEnd: 1, timestampMs: 0, value: 1 }, 0, 0, outbox);
  state.advanceWatermark(semantics.windowMs, outbox);
}

function contextOf(clock: Clock): ShardContext {
  return {
    settings: { groupId: 'group', commitIntervalMs: 100, snapshotIntervalMs: 30_000 },
    snapshots: {
      write: (_: string, id: string) => Promise.resolve({ id, place: '', length: 0, checksum: 0 }),
    },
    semantics,
    topics: simulatedTopics,
    clock,
    logger: createLogger('fatal'),
    metrics: createMetrics(),
    sourcePartitions: 1,
    rekeyedPartitions: 1,
    journalPartitions: 1,
    sources: unwatchedSources,
    snapshotTurn: { taken: false },
  } as unknown as ShardContext;
}
