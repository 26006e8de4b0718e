import { describe, expect, it } from 'vitest';

import { createScheduler } from '../../property-tests/simulation/scheduler.ts';
import { Life } from '../../property-tests/simulation/simulated-life.ts';
import { SimulatedBroker } from '../../property-tests/simulation/simulated-log.ts';
import { readGroupState, type GroupState, type GroupShard } from '../../src/actors/group-state.ts';
import type { PositionMetadata } from '../../src/actors/position-metadata.ts';
import { assertMayJoin, preflight, type Preflight } from '../../src/actors/preflight.ts';
import { forwardGroupHeader } from '../../src/codecs/forward-group.ts';
import { parseConfig, type Config } from '../../src/config/config.ts';
import type { EventLog } from '../../src/log/event-log.ts';
import { semanticsFingerprint } from '../../src/sensors/fingerprint.ts';
import type { KeptRule } from '../../src/sensors/kept-rules.ts';

const env = { GROUP_ID: 'g', INPUT_TOPIC: 'in' };
const config = parseConfig(env);

const metadata = (changes: Partial<PositionMetadata> = {}): string =>
  JSON.stringify({
    version: 1,
    origin: 0,
    fingerprint: semanticsFingerprint(config.semantics).text,
    sources: 2,
    watermarkMs: null,
    sourceMaxMs: null,
    sourceIdle: false,
    journal: { sequence: 1, originOffset: 0 },
    snapshots: [],
    ...changes,
  } satisfies PositionMetadata);

/** A shard at offset 10 of 5 to 20, all well. */
const shard = (partition: number, changes: Partial<GroupShard> = {}): GroupShard => ({
  shard: { topic: 'in', partition },
  extent: { earliest: 5, end: 20 },
  committed: { nextOffset: 10, metadata: metadata() },
  pending: false,
  journaledIn: undefined,
  ...changes,
});

const groupOf = (...shards: readonly GroupShard[]): GroupState => ({
  sources: 2,
  shards,
  topicIds: new Map([['in', 'now']]),
});

function judged(
  state: GroupState,
  under: Config = config,
  rules: readonly KeptRule[] = [],
): Preflight & { readonly refusal: string | undefined } {
  const found = preflight(state, under, { isSet: () => false, rules });
  try {
    assertMayJoin(found);
    return { ...found, refusal: undefined };
  } catch (error) {
    return { ...found, refusal: error instanceof Error ? error.message : String(error) };
  }
}

describe('before it joins, a process', () => {
  it('finds nothing against a group that is new, or that it can go on with', () => {
    const fresh = { committed: undefined };

    expect(judged(groupOf(shard(0, fresh), shard(1, fresh)))).toMatchObject({
      refusal: undefined,
      failing: [],
    });
    expect(judged(groupOf(shard(0), shard(1)))).toMatchObject({ refusal: undefined, failing: [] });
    expect(judged({ sources: 0, shards: [], topicIds: new Map() }).refusal).toBeUndefined();
  });

  it('is refused with other semantics, the setting named once for all partitions', () => {
    const { semantics } = parseConfig({ ...env, WINDOW_MS: '30000' });

    const { refusal } = judged(groupOf(shard(0), shard(1)), { ...config, semantics });

    expect(refusal).toBe(
      'settings that change results differ from those that computed in/0, 1 in group g: WINDOW_MS: stored 60000, ' +
        'configured 30000. Set them back; or stop every process and `migrate`, which keeps what was learned ' +
        '(`migrate --plan` says what); or start with a new GROUP_ID and OUTPUT_TOPIC',
    );
  });

  it('takes the rules that the group began with before it judges', () => {
    const fixed = semanticsFingerprint({ ...config.semantics, alarmRest: 'fixed' }).text;
    const committed = { nextOffset: 10, metadata: metadata({ fingerprint: fixed }) };
    const rule: KeptRule = {
      setting: 'ALARM_REST',
      legacy: 'fixed',
      apply: (semantics) => ({ ...semantics, alarmRest: 'fixed' }),
    };
    const state = groupOf(shard(0, { committed }), shard(1, { committed }));

    const kept = judged(state, config, [rule]);

    expect([kept.refusal, kept.semantics.alarmRest]).toEqual([undefined, 'fixed']);
    expect(kept.kept).toEqual([expect.stringMatching(/^ALARM_REST=fixed is kept/)]);
    expect(judged(state).refusal).toMatch(/ALARM_REST: stored fixed, configured calm/);
  });

  it('is refused over more partitions of a keyed input, and not with INPUT_KEYING=rekey', () => {
    const grown = (under: Config): GroupState => {
      const fingerprint = semanticsFingerprint(under.semantics).text;
      const committed = { nextOffset: 10, metadata: metadata({ sources: 1, fingerprint }) };
      return groupOf(shard(0, { committed }), shard(1, { committed: undefined }));
    };
    const rekey = parseConfig({ ...env, INPUT_KEYING: 'rekey' });

    expect(judged(grown(config)).refusal).toMatch(/^in has 2 partitions but had 1 .*rekey$/);
    expect(judged(grown(rekey), rekey).refusal).toBeUndefined();
  });

  it('is refused where another program uses the group', () => {
    const committed = { nextOffset: 10, metadata: '' };

    expect(judged(groupOf(shard(0, { committed }), shard(1))).refusal).toMatch(
      /another consumer uses this GROUP_ID/,
    );
  });

  it('joins where single shards cannot run, and is refused where none can, with every reason', () => {
    const trimmed = shard(0, { extent: { earliest: 12, end: 20 } });
    const madeAgain = shard(1, { extent: { earliest: 0, end: 3 } });
    const vanished = shard(1, {
      committed: undefined,
      journaledIn: { topic: 'sensor_journal', partition: 0 },
    });

    const one = judged(groupOf(trimmed, shard(1)));
    const all = judged(groupOf(trimmed, madeAgain));

    expect(one.refusal).toBeUndefined();
    expect(one.failing.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^in\/0 begins at offset 12, .*from offset 10 .*accept_gap=true/),
    ]);
    expect(all.refusal).toMatch(
      /not joined, for 2 reasons:\n {2}in\/0 begins.*\n {2}in\/1 ends at offset 3/,
    );
    expect(judged(groupOf(trimmed, vanished)).refusal).toMatch(/in\/0 begins.*\n.*g\/in\/1, but/);
  });

  it('finds that a commit which is out in part was cut past the end of its partition', () => {
    const cutAt = (offset: number): GroupShard => {
      const counts = { rows: 1, others: 0, anomalyEvents: 0 };
      const times = { watermarkMs: null, sourceMaxMs: null };
      const partial = { ...counts, ...times, offset, sequence: 1 };
      const committed = { nextOffset: 10, metadata: metadata({ version: 2, partial }) };
      return shard(0, { committed });
    };

    const [within, past] = [
      judged(groupOf(cutAt(20), shard(1))),
      judged(groupOf(cutAt(21), shard(1))),
    ];

    expect(within.failing).toEqual([]);
    expect(past.failing.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^in\/0 ends at offset 20, but this group committed 21/),
    ]);
  });

  it('is refused as a new group beside forwards that name none', () => {
    const fresh = { committed: undefined };
    const state = groupOf(shard(0, fresh), shard(1, fresh));
    const strangeForwards = { topic: 'in.rekeyed', partition: 1 };

    expect(judged({ ...state, strangeForwards }).refusal).toMatch(
      /^in.rekeyed\/1 holds forwards .* delete the records of in.rekeyed/,
    );
  });

  it('is refused once, with the cure, where its input was deleted and made again', () => {
    const committed = { nextOffset: 30, metadata: metadata({ topicId: 'before' }) };
    const remade = [shard(0, { committed }), shard(1, { committed })];
    const same = { nextOffset: 10, metadata: metadata({ topicId: 'now' }) };

    const { failing, refusal } = judged(groupOf(...remade));

    expect(failing).toHaveLength(2);
    expect(refusal).toMatch(/in was deleted and made again \(its topic id was before and is now\)/);
    expect(judged(groupOf(shard(0, { committed: same }), shard(1))).failing).toEqual([]);
  });

  it('refuses no shard whose position a transaction may still replace', () => {
    const trimmed = shard(0, { extent: { earliest: 12, end: 20 } });
    const vanished = shard(1, {
      committed: undefined,
      journaledIn: { topic: 'sensor_journal', partition: 0 },
    });
    const pending = (state: GroupShard): GroupShard => ({ ...state, pending: true });

    expect(judged(groupOf(trimmed, vanished)).failing).toHaveLength(2);
    expect(judged(groupOf(pending(trimmed), pending(vanished)))).toMatchObject({
      refusal: undefined,
      failing: [],
    });
  });

  it('says nothing of a gap that is accepted', () => {
    const trimmed = shard(0, { extent: { earliest: 12, end: 20 } });
    const accepting = { ...config, process: { ...config.process, acceptGap: true } };

    expect(judged(groupOf(trimmed, trimmed), accepting)).toMatchObject({
      refusal: undefined,
      failing: [],
    });
  });
});

describe('the state of a group', () => {
  function brokerWith(between: (broker: SimulatedBroker) => void): {
    readonly log: EventLog;
    readonly broker: SimulatedBroker;
    read(): Promise<GroupState>;
  } {
    const scheduler = createScheduler(1, 0);
    const broker = new SimulatedBroker(scheduler);
    for (const topic of ['in', 'in.rekeyed']) broker.create(topic, 2);
    broker.create('sensor_journal', 1);
    const connected = broker.connect(new Life());
    let asked = 0;
    const log: EventLog = {
      ...connected,
      observedPositions: async (group, places) => {
        const positions = await connected.observedPositions(group, places);
        asked += 1;
        // As the first answer comes in, another process has its turn.
        if (asked === 1) between(broker);
        return positions;
      },
    };
    const read = async (): Promise<GroupState> => {
      let done = false;
      const reading = readGroupState(log, config).finally(() => (done = true));
      reading.catch(() => undefined);
      await scheduler.runUntil(60_000, () => done);
      return reading;
    };
    return { log, broker, read };
  }
  const journaled = (broker: SimulatedBroker): void => {
    const key = Buffer.from('g/in/0');
    broker.append([{ topic: 'sensor_journal', partition: 0, key, value: Buffer.from('{}') }]);
  };

  it('shows a shard whose offset vanished while its journal stayed', async () => {
    const { shards } = await brokerWith(journaled).read();

    expect(shards.map(({ journaledIn }) => journaledIn !== undefined)).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });

  it('does not take a group that begins beside us for one whose offsets vanished', async () => {
    const beginning = brokerWith((broker) => {
      journaled(broker);
      broker.commits.set('g|in/0', { nextOffset: 0, metadata: metadata() });
    });

    const state = await beginning.read();

    expect(state.shards[0]).toMatchObject({ journaledIn: undefined, committed: { nextOffset: 0 } });
    expect(judged(state).refusal).toBeUndefined();
  });

  it.each([
    ['of a new group beside forwards that name none', [], false, 1],
    [
      'not of one beside forwards that name another',
      [forwardGroupHeader('other')],
      false,
      undefined,
    ],
    ['not of one that has committed', [], true, undefined],
  ] as const)('shows strange forwards: %s', async (_case, headers, committed, partition) => {
    const { broker, read } = brokerWith(() => undefined);
    const [key, value] = [Buffer.from('s'), Buffer.from('{}')];
    broker.append([{ topic: 'in.rekeyed', partition: 1, key, value, headers }]);
    if (committed) broker.commits.set('g|in/0', { nextOffset: 0, metadata: metadata() });

    expect((await read()).strangeForwards?.partition).toBe(partition);
  });
});
