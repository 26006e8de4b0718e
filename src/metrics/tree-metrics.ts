// Gauges of what the supervisor knows of its shards and its projection, read at every scrape. They
// are taken from the tree and not from the threads: a thread that recovers a shard, or has just
// been given one, knows less of it than the tree does, and a series must not end or fall to 0 when
// nothing of the kind happened.
import { Gauge, type Registry } from 'prom-client';

import { createDeclarations } from './declare.ts';

export interface MeasuredShard {
  readonly topic: string;
  readonly partition: number;
  readonly phase: string;
  readonly lag: number;
  readonly watermarkMs: number | null;
  readonly sensors: number;
  readonly openWindows: number;
  readonly quarantined: number;
  readonly fastClock: { readonly leadMs: number } | null;
  readonly failedSinceMs?: number;
  readonly knownAtMs: number | null;
  readonly lastCommitMs: number | null;
  readonly lastSnapshotMs: number | null;
}

export interface MeasuredTree {
  readonly nowMs: number;
  readonly ready: boolean;
  readonly shards: readonly MeasuredShard[];
  readonly projectionLag: number;
  readonly storeConnected: boolean;
}

type Value = (shard: MeasuredShard, nowMs: number) => number | undefined;

const secondsSince = (timeMs: number | null, nowMs: number): number | undefined =>
  timeMs === null ? undefined : (nowMs - timeMs) / 1_000;
const asSeconds = (timeMs: number | null): number | undefined =>
  timeMs === null ? undefined : timeMs / 1_000;

/** One gauge a line, labelled by topic and partition; undefined where there is no value yet. */
const shardGauges: readonly (readonly [name: string, help: string, value: Value])[] = [
  ['lag_records', 'Records between position and high watermark, as last known.', (s) => s.lag],
  [
    'shard_known_age_seconds',
    'Time since the log last reported on the partition; its lag is as old.',
    (s, nowMs) => secondsSince(s.knownAtMs, nowMs),
  ],
  [
    'watermark_delay_seconds',
    'Wall clock minus watermark.',
    (s, nowMs) => secondsSince(s.watermarkMs, nowMs),
  ],
  ['sensors', 'Sensors with state.', (s) => s.sensors],
  ['open_windows', 'Panes that are open.', (s) => s.openWindows],
  ['quarantined_sensors', 'Sensors that are quarantined.', (s) => s.quarantined],
  [
    'fast_clock_seconds',
    'Lead of the sensor whose clock leads its records most.',
    (s) => (s.fastClock?.leadMs ?? 0) / 1_000,
  ],
  [
    'shard_failed',
    'Whether the shard has failed and does not run again yet.',
    (s) => (s.failedSinceMs === undefined ? 0 : 1),
  ],
  [
    'last_commit_timestamp_seconds',
    'When the owner last committed.',
    (s) => asSeconds(s.lastCommitMs),
  ],
  [
    'last_snapshot_timestamp_seconds',
    'When the snapshot was taken that a commit named last.',
    (s) => asSeconds(s.lastSnapshotMs),
  ],
];

/** Returns the gauges of the tree in a registry of their own; `phases` are all that a shard has. */
export function createTreeMetrics(read: () => MeasuredTree, phases: readonly string[]): Registry {
  const { registry, measure } = createDeclarations('sensorium_');
  const registers = [registry];
  const labelNames = ['topic', 'partition'] as const;
  const labelsOf = ({ topic, partition }: MeasuredShard): { topic: string; partition: string } => ({
    topic,
    partition: String(partition),
  });
  for (const [name, help, value] of shardGauges) {
    new Gauge({
      ...{ name: `sensorium_${name}`, help, labelNames, registers },
      collect() {
        this.reset();
        const { nowMs, shards } = read();
        for (const shard of shards) {
          const measured = value(shard, nowMs);
          if (measured !== undefined) this.set(labelsOf(shard), measured);
        }
      },
    });
  }
  new Gauge({
    name: 'sensorium_shard_phase',
    help: 'Phase of the shard: 1 for the one it is in, 0 for the others.',
    labelNames: [...labelNames, 'phase'],
    registers,
    collect() {
      this.reset();
      for (const shard of read().shards) {
        for (const phase of phases) {
          this.set({ ...labelsOf(shard), phase }, shard.phase === phase ? 1 : 0);
        }
      }
    },
  });
  const scalars: readonly (readonly [string, string, (tree: MeasuredTree) => number])[] = [
    ['ready', 'Whether GET /health/ready answers 200.', ({ ready }) => Number(ready)],
    [
      'store_connected',
      'Whether the projection reaches the feature store and its rows.',
      ({ storeConnected }) => Number(storeConnected),
    ],
    [
      'projection_lag_records',
      'Feature rows not yet projected, as last known.',
      ({ projectionLag }) => projectionLag,
    ],
  ];
  for (const [name, help, value] of scalars) measure(name, help, () => value(read()));
  return registry;
}
