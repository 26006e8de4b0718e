import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { feastView } from '../../src/codecs/feast.ts';
import { systemClock } from '../../src/clock.ts';
import type { FeatureRow } from '../../src/codecs/feature-row.ts';
import { InvariantError, UnavailableError } from '../../src/errors.ts';
import { openEmbeddedLog } from '../../src/log/embedded/embedded-log.ts';
import type { EventLog, GroupListener } from '../../src/log/event-log.ts';
import { createMetrics, type Metrics } from '../../src/metrics/pipeline-metrics.ts';
import { startProjector, type Projector } from '../../src/projections/online.ts';
import { openEmbeddedFeatureStore } from '../../src/stores/embedded/embedded-feature-store.ts';
import { bytes, eventually, uniqueName } from '../contracts/event-log-harness.ts';
import { featureRow } from '../contracts/feature-store.contract.ts';
import {
  HandClock,
  recordingLogger,
  withFaults,
  type LogLine,
  type FaultyStore,
} from './recorded.ts';

const topic = 'sensor_features';
const groupId = 'test-projection';

let dataDir: string;
let log: EventLog;
let store: FaultyStore;
let clock: HandClock;
let metrics: Metrics;
let lines: LogLine[];
let failures: unknown[];
let live: FeatureRow[];
const running: Projector[] = [];

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'sensorium-projector-'));
  lines = [];
  failures = [];
  live = [];
  clock = new HandClock();
  metrics = createMetrics();
  const logger = recordingLogger(lines);
  log = openEmbeddedLog({ dataDir, clock: systemClock, logger });
  store = withFaults(openEmbeddedFeatureStore({ dataDir }));
  await log.ensureTopics([{ topic, partitions: 2 }]);
});

afterEach(async () => {
  for (const projector of running.splice(0)) await projector.drain();
  await store.close();
  await log.close();
  rmSync(dataDir, { recursive: true, force: true });
});

async function project(): Promise<Projector> {
  const projector = await startProjector({
    log,
    store,
    topics: [{ topic, view: feastView }],
    groupId,
    clock,
    logger: recordingLogger(lines),
    metrics,
    onRows: (rows) => live.push(...rows),
    onFailed: (error) => failures.push(error),
  });
  running.push(projector);
  return projector;
}

function append(rows: readonly FeatureRow[]): Promise<unknown> {
  return log.append(
    rows.map((row) => ({
      topic,
      key: bytes(row.sensor_id),
      value: bytes(JSON.stringify(row)),
    })),
  );
}

async function windowsOf(ids: readonly string[]): Promise<(number | null | undefined)[]> {
  return (await store.read(ids)).map((features) => features?.values['count']);
}

async function counted(result: string): Promise<number> {
  const { values } = await metrics.projectedRows.get();
  return values.find(({ labels }) => labels.result === result)?.value ?? 0;
}

const idle = (projector: Projector): Promise<void> =>
  eventually(() => {
    const { lag, partitions } = projector.status();
    expect({ lag, partitions: partitions.length }).toEqual({ lag: 0, partitions: 2 });
  });

const rowsOf = (ids: readonly string[], window: number): FeatureRow[] =>
  ids.map((id) => featureRow(id, window));

describe('the online projection', () => {
  test('a partition whose rows cannot be fetched restarts by itself, and the others continue', async () => {
    const listeners: GroupListener[] = [];
    const joinGroup = log.joinGroup.bind(log);
    log = new Proxy(log, {
      get(target, property) {
        if (property === 'joinGroup') {
          return (options: Parameters<typeof joinGroup>[0]) => {
            listeners.push(options.listener);
            return joinGroup(options);
          };
        }
        const member: unknown = Reflect.get(target, property);
        return typeof member === 'function' ? (member.bind(target) as unknown) : member;
      },
    });
    const ids = Array.from({ length: 20 }, () => uniqueName('s'));
    await append(rowsOf(ids, 0));
    const projector = await project();
    await idle(projector);

    const away = new UnavailableError('Offset 0 is wanted, but the log holds 5 to 9');
    listeners[0]?.onPartitionFailed({ topic, partition: 1 }, away);
    const { connected, lastError } = projector.status();
    clock.advance(1_000);
    await eventually(() => expect(projector.status().connected).toBe(true));
    await append(rowsOf(ids, 1));

    expect([connected, lastError?.message]).toEqual([false, away.message]);
    await eventually(async () => expect(await windowsOf(ids)).toEqual(ids.map(() => 61)));
    expect(projector.status().lastError).toBeNull();
    expect(failures).toEqual([]);
  });

  test('a topic that was deleted and made again is projected from its earliest row, while it runs', async () => {
    const ids = Array.from({ length: 20 }, () => uniqueName('s'));
    await append(rowsOf(ids, 0));
    const topicIds = await log.topicIds([topic]);
    vi.spyOn(log, 'topicIds').mockImplementation(() => Promise.resolve(topicIds));
    await idle(await project());

    vi.mocked(log.topicIds).mockResolvedValue(new Map([[topic, 'another']]));
    clock.advance(3_000);

    await eventually(async () => expect(await counted('skipped')).toBe(20));
    expect(failures).toEqual([]);
  });

  test('positions of a topic of the same name are not taken over', async () => {
    const ids = Array.from({ length: 20 }, () => uniqueName('s'));
    await append(rowsOf(ids, 0));
    const before = await project();
    await idle(before);
    await before.drain();
    vi.spyOn(log, 'topicIds').mockResolvedValue(new Map([[topic, 'another']]));

    await idle(await project());

    await eventually(async () => expect(await counted('skipped')).toBe(20));
    expect(lines.map(({ message }) => message)).toContainEqual(
      expect.stringMatching(/no longer holds the committed position/),
    );
  });

  test('positions that an earlier version committed are taken over', async () => {
    await append(
      rowsOf(
        Array.from({ length: 20 }, () => uniqueName('s')),
        0,
      ),
    );
    const ends = await log.offsetsAll([0, 1].map((partition) => ({ topic, partition })));
    await log.commitOffsets(
      groupId,
      ends.map(({ end }, partition) => ({
        topic,
        partition,
        nextOffset: end,
        metadata: String(end),
      })),
    );

    await idle(await project());

    expect([await counted('skipped'), await counted('written')]).toEqual([0, 0]);
  });

  test('every sensor ends with its newest window, those from before the start included', async () => {
    const ids = Array.from({ length: 50 }, () => uniqueName('s'));
    await append([...rowsOf(ids, 0), ...rowsOf(ids, 1), ...rowsOf(ids, 2)]);

    const projector = await project();
    await idle(projector);
    await append([...rowsOf(ids, 4), ...rowsOf(ids, 3)]);

    await eventually(async () => expect(await windowsOf(ids)).toEqual(ids.map(() => 64)));
    await idle(projector);
    expect(live.filter(({ sensor_id: id }) => id === ids[0]).at(-1)).toEqual(
      featureRow(ids[0] ?? '', 4),
    );
    expect(projector.status()).toMatchObject({ connected: true, lastError: null });
    expect(failures).toEqual([]);
  });

  test('only the newest row of a sensor in a batch is written to the store', async () => {
    const ids = ['a', 'b', 'c'];
    await append(Array.from({ length: 100 }, (_, window) => rowsOf(ids, window)).flat());

    await idle(await project());

    expect(await windowsOf(ids)).toEqual([159, 159, 159]);
    expect(store.rowsOffered).toBeLessThan(300);
  });

  test('positions are committed once a second, and the next projector starts a minute earlier', async () => {
    await append(rowsOf(['a', 'b', 'c', 'd'], 0));
    const first = await project();
    await idle(first);
    expect(await committedTotal()).toBe(0);

    clock.advance(1_000);
    await eventually(async () => expect(await committedTotal()).toBe(4));
    clock.advance(120_000);
    const later = ['e', 'f', 'g', 'h', 'i', 'j', 'k', 'l'];
    await append(rowsOf(later, 1));
    await eventually(async () => expect(await windowsOf(later)).toEqual(later.map(() => 61)));
    await first.drain();
    expect(await committedTotal()).toBe(12);
    store.offered.clear();
    const second = await project();
    await idle(second);
    await append(rowsOf(['c'], 1));

    await eventually(async () => expect(await windowsOf(['c'])).toEqual([61]));
    // Redis may have lost what it answered last, at a failover that nobody was there to notice.
    expect([...store.offered].sort()).toEqual(['c', ...later]);
  });

  test('while the store is away nothing is committed, the lag shows, and then everything catches up', async () => {
    const ids = Array.from({ length: 20 }, () => uniqueName('s'));
    await append(rowsOf(ids, 0));
    const projector = await project();
    await idle(projector);
    clock.advance(1_000);
    await eventually(async () => expect(await committedTotal()).toBe(20));

    store.away = 'all';
    await append(rowsOf(ids, 1));
    await eventually(() => expect(projector.status().connected).toBe(false));
    await append(rowsOf(ids, 2));
    const upserts = store.upserts;
    for (let second = 0; second < 60; second += 1) {
      clock.advance(1_000);
      await new Promise((resolve) => setImmediate(resolve));
    }

    await eventually(() => expect(projector.status().lag).toBe(40));
    expect(projector.status().lastError).toMatchObject({ code: 'UNAVAILABLE' });
    expect(store.upserts - upserts).toBeLessThanOrEqual(2);
    expect(await committedTotal()).toBe(20);
    store.away = 'none';
    await eventually(async () => {
      clock.advance(5_000);
      expect(await windowsOf(ids)).toEqual(ids.map(() => 62));
    });
    await idle(projector);
    expect(projector.status()).toMatchObject({ connected: true, lastError: null });
    expect((await metrics.projectionFailures.get()).values[0]?.value).toBeGreaterThan(0);
    expect(failures).toEqual([]);
  });

  test('a store that answers pings and refuses writes is retried with backoff', async () => {
    const projector = await project();
    await idle(projector);
    store.away = 'writes';
    await append(rowsOf(['a'], 0));
    await eventually(() => expect(store.upserts).toBeGreaterThan(0));

    for (let tenth = 0; tenth < 600; tenth += 1) {
      clock.advance(100);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }

    // Doubling from 100 ms to 5 s, a minute holds 18 attempts.
    expect(store.upserts).toBeLessThanOrEqual(20);
    store.away = 'none';
    await eventually(async () => {
      clock.advance(5_000);
      expect(await windowsOf(['a'])).toEqual([60]);
    });
  });

  test('a store that is away at the start only delays', async () => {
    store.away = 'all';
    await append(rowsOf(['a', 'b'], 0));
    const projector = await project();
    await eventually(() => expect(projector.status().partitions.length).toBe(2));
    expect(projector.status().connected).toBe(false);

    store.away = 'none';

    await eventually(async () => {
      clock.advance(5_000);
      expect(await windowsOf(['a', 'b'])).toEqual([60, 60]);
    });
  });

  test('a store that goes away while no rows come is noticed', async () => {
    const projector = await project();
    await idle(projector);
    await eventually(() => expect(projector.status().connected).toBe(true));

    store.away = 'all';

    await eventually(() => {
      clock.advance(1_000);
      expect(projector.status().connected).toBe(false);
    });
  });

  test('after the store was away, the rows of the last minute are written again, and no older ones', async () => {
    const projector = await project();
    await idle(projector);
    const settle = async (id: string): Promise<void> => {
      await append(rowsOf([id], 0));
      const before = await committedTotal();
      // Once a second it commits what it stands at: time may move only when it stands behind the row.
      const stands = (): number =>
        projector.status().partitions.reduce((sum, { position }) => sum + position, 0);
      await eventually(() => expect(stands()).toBe(before + 1));
      clock.advance(1_000);
      await eventually(async () => expect(await committedTotal()).toBe(before + 1));
    };
    for (const id of ['old-1', 'old-2']) await settle(id);
    clock.advance(120_000);
    for (const id of ['new-1', 'new-2', 'new-3']) await settle(id);
    store.offered.clear();

    // A failover between two calls: no call failed, yet writes may be gone.
    store.interruptionCount += 1;

    await eventually(() => {
      clock.advance(1_000);
      expect(store.offered).toContain('new-1');
      expect(store.offered).toContain('new-2');
      expect(store.offered).toContain('new-3');
    });
    expect(store.offered).not.toContain('old-1');
    await idle(projector);
    await eventually(async () => {
      clock.advance(1_000);
      expect(await committedTotal()).toBe(5);
    });
  });

  test('records that are not feature rows are skipped, counted and logged once, even when read again', async () => {
    const good = featureRow('good', 0);
    const bad = ['{"sensor_id":', '[]', '{"sensor_id":"x"}', '', '{"window_end":1}'];
    await log.append([
      ...bad.map((text) => ({ topic, partition: 0, key: null, value: bytes(text) })),
      { topic, partition: 0, key: null, value: null },
      { topic, partition: 0, key: null, value: bytes(JSON.stringify(good)) },
    ]);
    store.away = 'writes';
    const projector = await project();
    await eventually(() => expect(store.upserts).toBeGreaterThan(0));
    store.away = 'none';

    await eventually(async () => {
      clock.advance(1_000);
      expect(await windowsOf(['good'])).toEqual([60]);
    });

    await idle(projector);
    expect(await counted('bad')).toBe(6);
    const named = lines
      .filter(({ level }) => level === 'error')
      .map(({ fields }) => fields['offset']);
    expect(named).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test('a sensor with rows from two shards is counted, and named once with the cure', async () => {
    const from = (partition: number, window: number): FeatureRow => {
      const row = featureRow('split', window);
      return { ...row, lineage: { ...row.lineage, partition } };
    };
    await append([from(0, 0), from(1, 1), from(0, 2), from(1, 3), featureRow('whole', 0)]);

    await idle(await project());

    const named = lines.filter(({ message }) => message.includes('INPUT_KEYING=rekey'));
    expect(named.map(({ fields }) => fields['sensor'])).toEqual(['split']);
    expect((await metrics.twoOwnerSensors.get()).values[0]?.value).toBe(1);
  });

  test('any error other than an unreachable store ends the projector', async () => {
    store.failure = new InvariantError('broken');
    await append(rowsOf(['a'], 0));
    await project();

    await eventually(() => expect(failures[0]).toBe(store.failure));
    expect(await committedTotal()).toBe(0);
  });

  test('two projectors share the partitions and lose nothing when one drains', async () => {
    const ids = Array.from({ length: 20 }, () => uniqueName('s'));
    const first = await project();
    const second = await project();
    await eventually(() => {
      expect(first.status().partitions.length + second.status().partitions.length).toBe(2);
      expect(second.status().partitions.length).toBe(1);
    });
    await append(rowsOf(ids, 0));
    await first.drain();
    await first.drain();
    await append(rowsOf(ids, 1));

    await eventually(async () => expect(await windowsOf(ids)).toEqual(ids.map(() => 61)));
    await idle(second);
  });
});

async function committedTotal(): Promise<number> {
  const committed = await Promise.all(
    [0, 1].map((partition) => log.committed(groupId, { topic, partition })),
  );
  return committed.reduce((sum, position) => sum + (position?.nextOffset ?? 0), 0);
}
