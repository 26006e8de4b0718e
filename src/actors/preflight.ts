// Decides whether a process may join its group, before it joins. A process that cannot run would
// otherwise take partitions and fence their owners at every start, and only then find out. Pure
// over the state read by group-state.ts. It refuses the group as a whole, or single shards, which
// then fail alone while the others run.
import type { Config } from '../config/config.ts';
import { ConfigError } from '../errors.ts';
import { partitionKey } from '../records/partition-key.ts';
import type { TopicPartition } from '../records/record.ts';
import type { IdsByTopic } from '../log/topic-ids.ts';
import { topicNames } from '../log/topics.ts';
import { semanticsFingerprint } from '../sensors/fingerprint.ts';
import { keepRules, type KeptRule } from '../sensors/kept-rules.ts';
import type { Semantics } from '../sensors/semantics.ts';
import { gapRefusal } from './gap.ts';
import type { GroupState, GroupShard } from './group-state.ts';
import { decodePositionMetadata, type PositionMetadata } from './position-metadata.ts';
import {
  forwardsOfAnother,
  madeAgain,
  offsetsVanished,
  partitionsGrew,
  semanticsDiffer,
} from './refusals.ts';
import { shardKeyOf } from './shard-context.ts';
import { topicRefusal } from './topic-refusal.ts';

export interface Preflight {
  /** The configured semantics, with the group's own rules for settings that are not set. */
  readonly semantics: Semantics;
  /** Which rules are kept, and why; for people. */
  readonly kept: readonly string[];
  /** Why no shard of the group could go on. */
  readonly refusals: readonly ConfigError[];
  /** Why single shards could not. */
  readonly failing: readonly ConfigError[];
  /** Whether all of the input's shards are among these. */
  readonly nothingRuns: boolean;
}

export interface PreflightOptions {
  /** Whether the user has set the setting of that name. */
  isSet(setting: string): boolean;
  /** Those of the program, unless a test brings others. */
  readonly rules?: readonly KeptRule[];
}

interface Decoded {
  readonly shard: TopicPartition;
  readonly metadata: PositionMetadata;
}

/** Returns the reasons against joining the group under `config`. */
export function preflight(
  { shards, sources, strangeForwards, topicIds }: GroupState,
  config: Config,
  { isSet, rules }: PreflightOptions,
): Preflight {
  const { groupId, acceptGap, inputTopic } = config.process;
  const foreign: ConfigError[] = [];
  const decoded = shards.flatMap(({ shard, committed }): readonly Decoded[] => {
    if (committed === undefined) return [];
    try {
      const where = `${shard.topic}/${shard.partition} in group ${groupId}`;
      return [{ shard, metadata: decodePositionMetadata(committed.metadata, where) }];
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      foreign.push(error);
      return [];
    }
  });
  const committed = decoded[0]?.metadata.fingerprint;
  const { semantics, lines } = keepRules(config.semantics, { committed, isSet }, rules);
  const topics = topicNames(config.process);
  const remade = remadeTopics(decoded, { ids: topicIds, journal: topics.journal });
  const known = new Set(remade.map(({ shard }) => shard));
  const others = shards.filter(({ shard }) => !known.has(shard));
  const cuts = new Map(
    decoded.map(({ shard, metadata }) => [partitionKey(shard), metadata.partial?.offset]),
  );
  const failing = [
    ...remade,
    ...others.flatMap((state) =>
      shardRefusal(state, { groupId, acceptGap, cut: cuts.get(partitionKey(state.shard)) }),
    ),
  ];
  const ofInput = failing.filter(({ shard }) => shard.topic === topics.input);
  return {
    semantics,
    kept: lines,
    refusals: [
      ...foreign.slice(0, 1),
      ...(strangeForwards === undefined ? [] : [forwardsOfAnother(strangeForwards)]),
      ...otherSemantics(decoded, semantics, groupId),
      ...otherPartitions(decoded, semantics, { topic: inputTopic, partitions: sources }),
    ],
    failing: failing.map(({ error }) => error),
    nothingRuns: sources > 0 && ofInput.length === sources,
  };
}

/**
 * @throws ConfigError that names every problem, where the group cannot go on or none of its shards
 * could.
 */
export function assertMayJoin({ refusals, failing, nothingRuns }: Preflight): void {
  const problems = [...refusals, ...(nothingRuns ? failing : [])];
  const [only, ...more] = problems;
  if (only === undefined) return;
  if (more.length === 0) throw only;
  const lines = problems.slice(0, problemsShownMax).map(({ message }) => `\n  ${message}`);
  const left = problems.length - lines.length;
  throw new ConfigError(
    `the group cannot go on, and was not joined, for ${problems.length} reasons:${lines.join('')}` +
      (left > 0 ? `\n  and ${left} more` : ''),
    { problems: problems.length },
  );
}

const problemsShownMax = 10;

function otherSemantics(
  decoded: readonly Decoded[],
  semantics: Semantics,
  groupId: string,
): readonly ConfigError[] {
  const now = semanticsFingerprint(semantics).text;
  const others = new Map<string, TopicPartition[]>();
  for (const { shard, metadata } of decoded) {
    if (metadata.fingerprint === now) continue;
    others.set(metadata.fingerprint, [...(others.get(metadata.fingerprint) ?? []), shard]);
  }
  return [...others].map(([fingerprint, shards]) =>
    semanticsDiffer(`${named(shards)} in group ${groupId}`, fingerprint, now),
  );
}

/** Under keyed input, more partitions mean moved keys. */
function otherPartitions(
  decoded: readonly Decoded[],
  { inputKeying }: Semantics,
  { topic, partitions }: { readonly topic: string; readonly partitions: number },
): readonly ConfigError[] {
  if (inputKeying === 'rekey') return [];
  const before = new Set(decoded.map(({ metadata }) => metadata.sources));
  before.delete(partitions);
  return [...before].map((sources) => partitionsGrew(topic, partitions, sources));
}

interface RefusalParts {
  readonly groupId: string;
  readonly acceptGap: boolean;
  /** Next offset at the cut of a commit that is out in part. */
  readonly cut: number | undefined;
}

interface FailingShard {
  readonly shard: TopicPartition;
  readonly error: ConfigError;
}

function remadeTopics(
  decoded: readonly Decoded[],
  topics: { readonly ids: IdsByTopic; readonly journal: string },
): readonly FailingShard[] {
  return decoded.flatMap(({ shard, metadata }) => {
    const error = topicRefusal(metadata, shard, topics);
    return error === undefined ? [] : [{ shard, error }];
  });
}

/**
 * Returns the refusals that need no snapshot to be certain. Recovery finds any others, and then
 * only this shard fails.
 */
function shardRefusal(
  { shard, extent, committed, pending, journaledIn }: GroupShard,
  { groupId, acceptGap, cut }: RefusalParts,
): readonly FailingShard[] {
  // A killed owner's transaction may have been decided, and not reached the offsets yet: the next
  // owner ends it, and then knows.
  if (pending) return [];
  const { earliest, end } = extent;
  if (journaledIn !== undefined) {
    return [{ shard, error: offsetsVanished(journaledIn, shardKeyOf(groupId, shard)) }];
  }
  if (committed === undefined) return [];
  const { nextOffset } = committed;
  const folded = cut ?? nextOffset;
  if (folded > end) return [{ shard, error: madeAgain(shard, folded, end) }];
  if (nextOffset >= earliest || acceptGap) return [];
  const missing = { needed: nextOffset, earliest };
  return [{ shard, error: gapRefusal(shard, { committedOffset: nextOffset }, missing) }];
}

/** Returns the shards as people name them: `readings/0, 1, 2`. */
function named(shards: readonly TopicPartition[]): string {
  const byTopic = new Map<string, number[]>();
  for (const { topic, partition } of shards) {
    byTopic.set(topic, [...(byTopic.get(topic) ?? []), partition]);
  }
  const shown = (partitions: readonly number[]): string =>
    partitions.slice(0, problemsShownMax).join(', ') +
    (partitions.length > problemsShownMax
      ? ` and ${partitions.length - problemsShownMax} more`
      : '');
  return [...byTopic].map(([topic, partitions]) => `${topic}/${shown(partitions)}`).join(', ');
}
