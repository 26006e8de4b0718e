// `produce --file`: the file as a source of readings, and whether they come too late for the group.
import { InvalidArgumentError, type Command } from 'commander';

import type { Config } from '../config/config.ts';
import { ConfigError } from '../errors.ts';
import { parseTimestampMs } from '../files/file-time.ts';
import type { EventLog } from '../log/event-log.ts';
import {
  openReplayFile,
  replayFile,
  shiftToNow,
  type ReplayFile,
} from '../producer/file-replay.ts';
import type { PlannedReading } from '../producer/planned-reading.ts';
import { readClosedTimes, type ClosedTimes } from './closed-times.ts';
import { numberOption } from './command.ts';
import { printLine, type CliContext } from './context.ts';
import { addFileFlags, fileOptions, unreadableText, type FileFlags } from './file-options.ts';

export interface ReplayedFileFlags extends FileFlags {
  readonly file?: string;
  readonly speed: number;
  readonly shiftToNow?: true;
  readonly skipUnreadable?: true;
  readonly start?: number;
  readonly interval: number;
}

/** The readings that `produce` sends. */
export interface ReadingsSource {
  readonly title: string;
  readonly readings: Iterable<PlannedReading> | AsyncIterable<PlannedReading>;
  readonly total: number | undefined;
  readonly eventTime: 'planned' | 'wall';
  /** Returns how many of the readings are already late; absent for simulated ones. */
  readonly countLate?: (closed: ClosedTimes) => Promise<number>;
}

/** Adds the options of a file. */
export function addReplayOptions(command: Command): void {
  command
    .optionsGroup('A file:')
    .option(
      '--file <path>',
      'CSV, NDJSON or Parquet: timestamp,value[,sensor_id]; or a mote file: reading,mote_id,…',
    )
    .option('--speed <factor>', 'multiple of the file’s own pace, or max', speedOption, 1)
    .option('--shift-to-now', 'shift timestamps so that the last row is sent at its own time')
    .option('--skip-unreadable', 'send the other rows of a file with unreadable ones')
    .option('--start <time>', 'mote files: time of reading 1 (default: 2010-05-01)', timeOption)
    .option(
      '--interval <ms>',
      'mote files: time between two readings',
      numberOption({ min: 1, max: 86_400_000 }),
      5_000,
    );
  addFileFlags(command);
}

/** Returns the readings of the file. @throws ConfigError where one is unreadable */
export async function replayed(
  flags: ReplayedFileFlags,
  { semantics }: Config,
  context: CliContext,
): Promise<ReadingsSource> {
  const { file: path = '', speed } = flags;
  const file = await openReplayFile(path, semantics.input, {
    ...fileOptions(flags, context),
    moteStartMs: flags.start,
    moteIntervalMs: flags.interval,
  });
  if (file.unreadable > 0) {
    const { unreadable, unreadableFirst } = file;
    const listed =
      `${path}: ${unreadable} unreadable row${unreadable === 1 ? '' : 's'}: ` +
      unreadableText(unreadableFirst, unreadable);
    if (flags.skipUnreadable !== true) {
      throw new ConfigError(`${listed}. Nothing was sent; --skip-unreadable sends the others`);
    }
    printLine(context.err, `skipping ${listed}`);
  }
  const nowMs = context.clock.nowMs();
  const shiftMs = flags.shiftToNow === true ? shiftToNow(file, { speed, nowMs }) : 0;
  const [from, to] = [file.firstTimestampMs, file.lastTimestampMs].map((timeMs) =>
    new Date(timeMs + shiftMs).toISOString(),
  );
  return {
    title: `${file.readings} readings of ${path} (${from} to ${to})`,
    readings: replayFile(file, { speed, shiftMs }),
    total: file.readings,
    eventTime: 'planned',
    countLate: (closed) => countLate(file, { shiftMs, closed }),
  };
}

export interface ProduceTarget {
  readonly config: Config;
  readonly keying: 'keyed' | 'unkeyed';
  readonly log: EventLog;
}

/** Returns how many readings are late before they are sent, and says so. */
export async function warnOfLate(
  { countLate, total }: ReadingsSource,
  context: CliContext,
  { config, keying, log }: ProduceTarget,
): Promise<number> {
  if (countLate === undefined) return 0;
  const closed = await readClosedTimes(log, config, keying);
  if (closed === undefined) return 0;
  const late = await countLate(closed);
  if (late === 0) return 0;
  const { groupId, inputTopic } = config.process;
  printLine(
    context.err,
    `warning: ${late} of ${total ?? late} readings are late: group ${groupId} has closed its ` +
      `windows of ${inputTopic} up to ${new Date(closed.latestMs).toISOString()}, so they become ` +
      'dead letters. backfill --file computes their rows beside the topic; --shift-to-now moves ' +
      'their times',
  );
  return late;
}

/** Returns how many readings of `file` belong to windows that have closed. */
async function countLate(
  file: ReplayFile,
  { shiftMs, closed }: { readonly shiftMs: number; readonly closed: ClosedTimes },
): Promise<number> {
  // Readings of closed windows are older than that: without any, there is no second pass.
  if (file.firstTimestampMs + shiftMs >= closed.latestMs) return 0;
  let late = 0;
  for await (const { count, sensorIds, timestampsMs } of file.batches()) {
    for (let index = 0; index < count; index += 1) {
      const timestampMs = (timestampsMs[index] ?? NaN) + shiftMs;
      if (closed.isLate(sensorIds[index] ?? '', timestampMs)) late += 1;
    }
  }
  return late;
}

const speedNumber = numberOption({ min: 0, max: 1e9, decimals: true });

function speedOption(text: string): number {
  const speed = text === 'max' ? 0 : speedNumber(text);
  return speed === 0 ? Infinity : speed;
}

function timeOption(text: string): number {
  const timeMs = parseTimestampMs(text);
  if (Number.isSafeInteger(timeMs)) return timeMs;
  throw new InvalidArgumentError('Expected ISO 8601 or milliseconds since 1970.');
}
