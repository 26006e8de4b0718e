// Writes dead letters back to the input topic, each once. One transaction holds the records and the
// position of the replay, so an interrupted replay resumes without loss or duplicates. A replay can
// be limited to one reason, so the position is kept per reason:
//   committed metadata = {"<reason>": next offset, …}
import type { Config } from '../config/config.ts';
import { ConfigError } from '../errors.ts';
import type { EventLog } from '../log/event-log.ts';
import type { OutputRecord } from '../records/record.ts';
import { topicNames } from '../log/topics.ts';
import { readConfig, withLog } from './command.ts';
import { printLine, withInterrupt, type CliContext } from './context.ts';
import {
  deadLetterRanges,
  readDeadLetters,
  type DeadLetterRange,
  type ReadDeadLetter,
} from './dead-letters.ts';
import { createProgress } from './progress.ts';
import { wholeRecord } from './whole-record.ts';

export interface ReplayFlags {
  readonly reason?: string;
  readonly includeLate?: true;
  readonly yes?: true;
  readonly json?: true;
}

type Replayed = Readonly<Record<string, number>>;

interface Tally {
  readonly replayed: Record<string, number>;
  leftOutLate: number;
  replayedBefore: number;
  elsewhere: number;
  strangers: number;
  /** Truncated dead letters whose original record is no longer in the log. */
  cutGone: number;
}

const recordsPerCommit = 500;

/**
 * Prints what would be replayed; with `yes` replays it.
 * @throws ConfigError, UnavailableError
 */
export async function replay(flags: ReplayFlags, context: CliContext): Promise<void> {
  const config = readConfig(context);
  const tally: Tally = {
    replayed: {},
    leftOutLate: 0,
    replayedBefore: 0,
    elsewhere: 0,
    strangers: 0,
    cutGone: 0,
  };
  await withLog({ config, context, name: 'dlq' }, async (log) => {
    const ranges = await deadLetterRanges(log, topicNames(config.process).deadLetters);
    const total = ranges.reduce((sum, { from, to }) => sum + to - from, 0);
    const progress = createProgress(context, { title: 'replaying', unit: 'dead letters', total });
    let seen = 0;
    try {
      await withInterrupt(context, async (signal) => {
        for (const range of ranges) {
          await replayPartition(log, range, { config, flags, tally, signal }, (count) => {
            progress.update((seen += count));
          });
        }
      });
    } finally {
      progress.stop();
    }
  });
  printTally(context, flags, tally);
}

interface Task {
  readonly config: Config;
  readonly flags: ReplayFlags;
  readonly tally: Tally;
  readonly signal: AbortSignal;
}

async function replayPartition(
  log: EventLog,
  range: DeadLetterRange,
  { config, flags, tally, signal }: Task,
  onSeen: (count: number) => void,
): Promise<void> {
  const groupId = `${config.process.groupId}-dlq-replay`;
  // Opening the writer before the position is read fences a concurrent replay: no duplicates.
  const writer = flags.yes === true ? await log.openWriter(groupId, range, signal) : undefined;
  try {
    const replayed = { ...parseReplayed(await log.committed(groupId, range)) };
    const onStranger = (): void => void (tally.strangers += 1);
    for await (const { letters, nextOffset } of readDeadLetters(log, range, onStranger)) {
      for (let at = 0; at < letters.length && !signal.aborted; at += recordsPerCommit) {
        const part = letters.slice(at, at + recordsPerCommit);
        const chosen = part.filter((letter) =>
          isChosen(letter, { config, flags, tally }, replayed),
        );
        for (const { reason, at: place } of chosen) replayed[reason] = place.offset + 1;
        const records = await wholeRecords(log, chosen, tally);
        const metadata = JSON.stringify(replayed);
        if (chosen.length > 0) await writer?.commit({ nextOffset: range.from, metadata, records });
        onSeen(part.length);
      }
      if (signal.aborted || nextOffset >= range.to) break;
    }
  } finally {
    await writer?.close();
  }
}

async function wholeRecords(
  log: EventLog,
  letters: readonly ReadDeadLetter[],
  tally: Tally,
): Promise<readonly OutputRecord[]> {
  const records: OutputRecord[] = [];
  for (const letter of letters) {
    const record = await wholeRecord(log, letter);
    if (record === undefined) tally.cutGone += 1;
    else {
      records.push(record);
      tally.replayed[letter.reason] = (tally.replayed[letter.reason] ?? 0) + 1;
    }
  }
  return records;
}

function isChosen(
  { reason, record, at }: ReadDeadLetter,
  { config, flags, tally }: Omit<Task, 'signal'>,
  replayed: Replayed,
): boolean {
  if (flags.reason !== undefined && reason !== flags.reason) return false;
  if (at.offset < (replayed[reason] ?? 0)) {
    tally.replayedBefore += 1;
    return false;
  }
  if (record.topic !== config.process.inputTopic) {
    // A forged header can name any topic; only the input topic is written.
    tally.elsewhere += 1;
    return false;
  }
  if (reason === 'late' && flags.includeLate !== true) {
    tally.leftOutLate += 1;
    return false;
  }
  return true;
}

function parseReplayed(committed: { readonly metadata: string } | undefined): Replayed {
  if (committed === undefined || committed.metadata === '') return {};
  try {
    const parsed: unknown = JSON.parse(committed.metadata);
    if (typeof parsed === 'object' && parsed !== null) return parsed as Replayed;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new ConfigError(
    `another program commits to the group of dlq replay: it left the metadata ${JSON.stringify(committed.metadata)}`,
  );
}

function printTally({ out }: CliContext, { yes, json }: ReplayFlags, tally: Tally): void {
  const { replayed, leftOutLate, replayedBefore, elsewhere, strangers, cutGone } = tally;
  if (json === true) {
    printLine(
      out,
      JSON.stringify({
        done: yes === true,
        replayed,
        late_left_out: leftOutLate,
        replayed_before: replayedBefore,
        other_topics: elsewhere,
        not_ours: strangers,
        cut_gone: cutGone,
      }),
    );
    return;
  }
  const total = Object.values(replayed).reduce((sum, count) => sum + count, 0);
  const reasons = Object.entries(replayed).map(([reason, count]) => `${count} ${reason}`);
  const byReason = total === 0 ? '' : `: ${reasons.join(', ')}`;
  printLine(out, `${yes === true ? 'replayed' : 'would replay'} ${total} dead letters${byReason}`);
  if (leftOutLate > 0) printLine(out, `skipped ${leftOutLate} late (--include-late replays them)`);
  if (replayedBefore > 0) printLine(out, `skipped ${replayedBefore} already replayed`);
  if (elsewhere > 0) printLine(out, `skipped ${elsewhere} from other topics`);
  if (cutGone > 0) {
    printLine(out, `skipped ${cutGone} truncated, their original record is no longer in the input`);
  }
  if (strangers > 0) printLine(out, `skipped ${strangers} records written by other programs`);
  if (yes !== true && total > 0) printLine(out, 'nothing was written; add --yes to replay them');
}
