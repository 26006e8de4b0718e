// `audit`: recomputes windows from the log and compares them with the topic and the store.
// Read-only.
import type { Command } from 'commander';

import { Audit, type AuditOptions, type AuditRound } from '../past/audit.ts';
import { findingLine } from '../past/finding.ts';
import { sensorSample } from '../past/sensor-sample.ts';
import { encodeFeatureRowAvro, encodeFeatureRowJson } from '../codecs/feature-row.ts';
import { ConfigError, isSensoriumError } from '../errors.ts';
import { featureTopics } from '../log/topics.ts';
import { selectFeatures } from '../sensors/features.ts';
import { openFeatureStore } from '../stores/open.ts';
import { auditContinuously } from './audit-continuous.ts';
import { numberOption, readConfig } from './command.ts';
import { printLine, printText, withInterrupt, type CliContext } from './context.ts';
import { parseTime } from './moment.ts';
import { withPastShards } from './past-shards.ts';
import { createProgress, type Progress } from './progress.ts';

interface AuditFlags {
  readonly from?: string;
  readonly to?: string;
  readonly sensors?: string;
  readonly json?: true;
  readonly continuous?: true;
  readonly interval: number;
  readonly metricsPort: number;
}

const exitMismatch = 1;
const exitUnchecked = 2;
const findingsShownMax = 50;

const help = `
Every window is recomputed by the code that computed it first, starting from the newest snapshot
before the range or from the group's first offset. It must equal its row in the topic bit for bit:
no row may be missing, repeated or unexplained by the log. The store must hold each sensor's newest
row, and each stored snapshot in the range must equal the recomputed state at its offset.

Exit codes:
  0  everything is equal
  1  differences were found; each is printed with the offsets of its row and of its readings
  2  no difference was found, but part could not be checked: the log or the topic no longer holds
     it, the store cannot be reached, …

--continuous audits new rows every --interval seconds until stopped, and serves
sensorium_audit_mismatches_total and sensorium_audit_windows_total at
http://HTTP_HOST:<metrics-port>/metrics.

The audit writes nothing and joins no group. It is safe beside a running program, on the embedded
log too.

Examples:
  node dist/main.js audit
  node dist/main.js audit --from 2026-01-31T10:00:00Z --to 2026-01-31T11:00:00Z --sensors 'pump/*' --json
  node dist/main.js audit --sensors 0.05
  node dist/main.js audit --continuous --sensors 0.05 --interval 60 --metrics-port 9464`;

/** Adds `audit`. */
export function addAudit(
  program: Command,
  context: CliContext,
  setExitCode: (code: number) => void,
): void {
  program
    .command('audit')
    .description('recompute windows from the log and compare the topic and the store with them')
    .option('--from <time>', 'only windows that start at or after it (default: as far as possible)')
    .option('--to <time>', 'only windows that end at or before it')
    .option('--sensors <pattern|share>', 'ids with * and ?, or a share such as 0.05 (default: all)')
    .option('--json', 'print the report as JSON')
    .option('--continuous', 'audit new rows as they are committed, until stopped')
    .option(
      '--interval <seconds>',
      'time between rounds of --continuous',
      numberOption({ min: 1, max: 86_400 }),
      60,
    )
    .option(
      '--metrics-port <port>',
      'port of the metrics of --continuous; 0 disables them',
      numberOption({ min: 0, max: 65_535 }),
      9464,
    )
    .addHelpText('after', help)
    .action(async (flags: AuditFlags) => setExitCode(await audit(flags, context)));
}

async function audit(flags: AuditFlags, context: CliContext): Promise<number> {
  try {
    return await withAudit(flags, context, (options) =>
      flags.continuous === true
        ? withInterrupt(context, (signal) =>
            auditContinuously(
              context,
              { ...flags, intervalMs: flags.interval * 1_000 },
              options,
              signal,
            ),
          )
        : auditOnce(flags, context, options),
    );
  } catch (error) {
    // Exit code 1 means "differences found"; a check that could not run must not claim that.
    if (!isSensoriumError(error) || error.directive === 'crash') throw error;
    printText(context.err, `sensorium: the audit could not run: ${error.message}`);
    return exitUnchecked;
  }
}

async function withAudit<T>(
  flags: AuditFlags,
  context: CliContext,
  use: (options: AuditOptions & { readonly httpHost: string }) => Promise<T>,
): Promise<T> {
  const config = readConfig(context);
  const { process: settings, semantics } = config;
  const range = rangeOf(flags);
  const salt = flags.continuous === true ? String(context.clock.nowMs()) : '';
  const sampled = sensorSample(flags.sensors, salt);
  return withPastShards({ config, context, name: 'audit' }, async (past) => {
    const features = selectFeatures(semantics.features);
    const encode = settings.outputFormat === 'avro' ? encodeFeatureRowAvro : encodeFeatureRowJson;
    const { logger } = past;
    const [, ...larger] = featureTopics(config);
    const store = await openFeatureStore(config, logger, 'read');
    try {
      return await use({
        context: past,
        store,
        featureTopics: [settings.outputTopic, ...larger.map(({ topic }) => topic)],
        projectionGroupId: `${settings.groupId}-projection`,
        sampled,
        ...range,
        encodeFeatureRow: (window, shard) => encode(window, { ...shard, features }),
        httpHost: settings.httpHost,
      });
    } finally {
      await store.close();
    }
  });
}

function rangeOf({ from, to, continuous }: AuditFlags): { fromMs?: number; toMs?: number } {
  if (continuous === true && (from ?? to) !== undefined) {
    throw new ConfigError('--continuous audits new rows only: leave out --from and --to');
  }
  const fromMs = from === undefined ? undefined : parseTime(from, '--from');
  const toMs = to === undefined ? undefined : parseTime(to, '--to');
  if (fromMs !== undefined && toMs !== undefined && fromMs >= toMs) {
    throw new ConfigError(`--from must be before --to, got ${from ?? ''} and ${to ?? ''}`);
  }
  return { ...(fromMs === undefined ? {} : { fromMs }), ...(toMs === undefined ? {} : { toMs }) };
}

async function auditOnce(
  { json }: AuditFlags,
  context: CliContext,
  options: AuditOptions,
): Promise<number> {
  let progress: Progress | undefined;
  const audited = new Audit({
    ...options,
    onProgress(done, total) {
      progress ??= createProgress(context, { title: 'auditing', unit: 'records', total });
      progress.update(done);
    },
  });
  const round = await (async () => {
    await audited.open();
    return audited.round();
  })().finally(() => progress?.stop());
  if (audited.shards.length === 0) {
    throw new ConfigError(
      `group ${options.context.settings.groupId} has committed nothing yet: is GROUP_ID right?`,
    );
  }
  if (json === true) printLine(context.out, reportJson(audited, round));
  else printReport(context, audited, round);
  if (round.findings.length > 0) return exitMismatch;
  return round.unchecked.length > 0 ? exitUnchecked : 0;
}

function reportJson({ shards }: Audit, round: AuditRound): string {
  return JSON.stringify({
    equal: round.findings.length === 0,
    windows: round.windows,
    sensors_in_store: round.sensorsInStore,
    findings: round.findings,
    findings_left_out: round.findingsLeftOut,
    unchecked: round.unchecked,
    shards: shards.map(({ shard, startedFrom, startOffset, start }) => ({
      ...shard,
      start: startedFrom,
      from_offset: startOffset,
      to_offset: start.memory.position,
    })),
  });
}

function printReport({ out, err }: CliContext, { shards }: Audit, round: AuditRound): void {
  const { findings, findingsLeftOut, unchecked, windows, sensorsInStore } = round;
  for (const { shard, startedFrom, startOffset, start } of shards) {
    const range = `offsets ${startOffset} to ${start.memory.position} from the ${startedFrom}`;
    printLine(err, `${shard.topic}/${shard.partition}  ${range}`);
  }
  for (const finding of findings.slice(0, findingsShownMax)) printLine(out, findingLine(finding));
  const left = findings.length + findingsLeftOut - findingsShownMax;
  if (left > 0) printLine(out, `… and ${left} more (--json lists up to 1,000)`);
  for (const reason of unchecked) printLine(out, `not checked: ${reason}`);
  const verdict =
    findings.length > 0
      ? `${findings.length + findingsLeftOut} findings`
      : `all equal${unchecked.length > 0 ? ' as far as checked' : ''}`;
  const checked = `${windows} windows in the topic, ${sensorsInStore} sensors in the store`;
  printLine(out, `${verdict}: ${checked}`);
}
