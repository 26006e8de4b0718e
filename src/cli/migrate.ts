// `migrate`: carries a group over to other semantic settings, with what it has learned. The group
// must be stopped; each shard is switched by one commit.
import type { Command } from 'commander';

import { readGroupState, type GroupShard } from '../actors/group-state.ts';
import { decodePositionMetadata } from '../actors/position-metadata.ts';
import type { Config } from '../config/config.ts';
import { ConfigError } from '../errors.ts';
import type { EventLog } from '../log/event-log.ts';
import type { Logger } from '../logger.ts';
import { migrateShard, type MigratedShard } from '../migration/migrate-shard.ts';
import { pastContext } from '../past/past-context.ts';
import type { TopicPartition } from '../records/record.ts';
import { openSchemas } from '../registry/open.ts';
import { semanticsFingerprint } from '../sensors/fingerprint.ts';
import { keepRules } from '../sensors/kept-rules.ts';
import { planMigration, type PlannedChange } from '../sensors/migration-plan.ts';
import { openSnapshotStore } from '../stores/open.ts';
import { readConfig, withLog } from './command.ts';
import { printLine, withInterrupt, type CliContext } from './context.ts';
import { configOfFingerprint } from './former-config.ts';
import { isSetIn } from './kept-config.ts';

interface MigrateFlags {
  readonly plan?: true;
  readonly json?: true;
}

const help = `
Run it with the new settings in the environment, once every process of the group is stopped:
  1. migrate --plan         what is kept, what starts afresh, what is impossible; writes nothing
  2. stop every process of the group
  3. migrate
  4. start the processes with the new settings

GROUP_ID and OUTPUT_TOPIC stay. Baselines and open windows are kept as far as they mean the same;
new columns and new window lengths are computed from here on, and absent where they are not known.
Each partition is switched by one commit. After a kill, run the same command again: partitions that
were switched are left as they are. Until all are, processes refuse to start.

To go back, set the former settings and migrate again: each partition then goes on as if it had
never been migrated, as long as its input since then is kept, and its snapshot of before.

The past of new columns: backfill --file … ; a folder of HISTORY_DIR first needs export --migrate.

Examples:
  FEATURES=count,avg_value,median WINDOWS=1h node dist/main.js migrate --plan
  FEATURES=count,avg_value,median WINDOWS=1h node dist/main.js migrate`;

const exitImpossible = 1;

/** Adds `migrate`. */
export function addMigrate(
  program: Command,
  context: CliContext,
  setExitCode: (code: number) => void,
): void {
  program
    .command('migrate')
    .description('carry a stopped group over to other features, windows or detector settings')
    .option('--plan', 'print what is kept, starts afresh or is impossible; write nothing')
    .option('--json', 'print the plan and the partitions as JSON')
    .addHelpText('after', help)
    .action(async (flags: MigrateFlags) => setExitCode(await migrate(flags, context)));
}

/** Shards that one set of settings has computed. */
interface Part {
  readonly from: Config;
  readonly shards: readonly TopicPartition[];
  readonly plan: readonly PlannedChange[];
}

interface Migrating {
  readonly context: CliContext;
  readonly config: Config;
  readonly log: EventLog;
  readonly logger: Logger;
}

async function migrate(flags: MigrateFlags, context: CliContext): Promise<number> {
  const config = readConfig(context);
  const access = flags.plan === true ? 'read' : 'write';
  return withLog({ config, context, name: 'migrate', access }, async (log, logger) => {
    const { shards } = await readGroupState(log, config);
    const target = withKept(config, shards, context);
    const parts = partsOf(target, shards, context);
    const plan = distinct(parts.flatMap((part) => part.plan));
    if (flags.json !== true) printPlan(context, target, parts, plan);
    const isImpossible = plan.some(({ outcome }) => outcome === 'impossible');
    const migrating = { context, config: target, log, logger };
    const done =
      flags.plan === true || isImpossible ? [] : await migrateParts(flags, migrating, parts);
    if (flags.json === true) printLine(context.out, JSON.stringify(jsonOf(parts, plan, done)));
    else printNext(context, flags, { parts, isImpossible });
    return isImpossible ? exitImpossible : 0;
  });
}

/** Returns `config` with the rules that the group began with wherever the user has not set them. */
function withKept(config: Config, shards: readonly GroupShard[], context: CliContext): Config {
  const found = shards.find(({ committed }) => committed !== undefined);
  const committed = found && fingerprintOf(found);
  const { semantics } = keepRules(config.semantics, { committed, isSet: isSetIn(context) });
  return { ...config, semantics };
}

function fingerprintOf({ committed, shard }: GroupShard): string | undefined {
  if (committed === undefined) return undefined;
  const where = `${shard.topic}/${shard.partition}`;
  return decodePositionMetadata(committed.metadata, where).fingerprint;
}

/** After a migration that was killed, some shards have the former settings and some the new. */
function partsOf(
  { semantics }: Config,
  shards: readonly GroupShard[],
  context: CliContext,
): readonly Part[] {
  const now = semanticsFingerprint(semantics).text;
  const byFingerprint = new Map<string, TopicPartition[]>();
  for (const state of shards) {
    const fingerprint = fingerprintOf(state);
    if (fingerprint === undefined || fingerprint === now) continue;
    byFingerprint.set(fingerprint, [...(byFingerprint.get(fingerprint) ?? []), state.shard]);
  }
  return [...byFingerprint].map(([fingerprint, some]) => {
    const from = configOfFingerprint(fingerprint, context);
    return { from, shards: some, plan: planMigration(from.semantics, semantics) };
  });
}

function distinct(plan: readonly PlannedChange[]): readonly PlannedChange[] {
  return [...new Map(plan.map((change) => [JSON.stringify(change), change])).values()];
}

async function migrateParts(
  flags: MigrateFlags,
  { context, config, log, logger }: Migrating,
  parts: readonly Part[],
): Promise<readonly MigratedShard[]> {
  if (parts.length === 0) return [];
  await assertStopped(log, config);
  const snapshots = await openSnapshotStore(config.process, log);
  const done: MigratedShard[] = [];
  try {
    await withInterrupt(context, async (signal) => {
      for (const { from, shards } of parts) {
        const schemas = openSchemas(from, context.clock);
        const past = await pastContext(from, { log, snapshots, logger, schemas });
        for (const shard of shards) {
          signal.throwIfAborted();
          const { clock } = context;
          const migration = { context: past, shard, to: config.semantics, clock, signal };
          const migrated = await migrateShard(migration);
          if (migrated === undefined) continue;
          done.push(migrated);
          if (flags.json !== true) printLine(context.out, migratedLine(migrated));
        }
      }
    });
  } finally {
    await snapshots.close();
  }
  return done;
}

/** A running owner is fenced, and fails from then on: that is safe, but nobody wants it. */
async function assertStopped(log: EventLog, { process: settings }: Config): Promise<void> {
  const members = await log.groupMembers(settings.groupId, settings.inputTopic);
  if (members.length === 0) return;
  const where = members.map(({ info }) => info).filter((info) => info !== '');
  throw new ConfigError(
    `group ${settings.groupId} has ${members.length} running members${where.length === 0 ? '' : ` (${where.join(', ')})`}: ` +
      'stop every process of the group, then migrate',
    { members: members.length },
  );
}

function printPlan(
  { out }: CliContext,
  { process: { groupId } }: Config,
  parts: readonly Part[],
  plan: readonly PlannedChange[],
): void {
  const count = parts.reduce((sum, { shards }) => sum + shards.length, 0);
  if (count === 0) {
    return printLine(out, `group ${groupId} has these settings already, or is new: nothing to do`);
  }
  printLine(out, `group ${groupId}: ${count} partitions were computed with other settings`);
  const width = Math.max(...plan.map(({ setting }) => setting.length));
  for (const { setting, outcome, says } of plan) {
    printLine(out, `  ${setting.padEnd(width)}  ${outcome.padEnd(10)}  ${says}`);
  }
}

function migratedLine({
  topic,
  partition,
  offset,
  openWindows,
  sensors,
  way,
}: MigratedShard): string {
  const what = `${sensors} sensors, ${openWindows} open windows`;
  const how =
    way === 'back' ? 'back to the settings of before, as if never migrated' : 'carried over';
  return `${topic}/${partition} at offset ${offset}: ${how}; ${what}`;
}

function printNext(
  { out }: CliContext,
  flags: MigrateFlags,
  { parts, isImpossible }: { readonly parts: readonly Part[]; readonly isImpossible: boolean },
): void {
  if (isImpossible) printLine(out, 'impossible: nothing was written');
  else if (flags.plan === true && parts.length > 0) {
    printLine(out, 'nothing was written; stop every process of the group and run migrate');
  } else if (parts.length > 0) {
    printLine(out, 'done: start every process of the group with these settings');
  }
}

function jsonOf(
  parts: readonly Part[],
  plan: readonly PlannedChange[],
  done: readonly MigratedShard[],
): object {
  return {
    partitions: parts.reduce((sum, { shards }) => sum + shards.length, 0),
    plan,
    migrated: done.map(({ topic, partition, offset, openWindows, sensors, way }) => ({
      ...{ topic, partition, offset, sensors, open_windows: openWindows, way },
    })),
  };
}
