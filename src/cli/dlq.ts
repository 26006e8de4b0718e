// `dlq list` and `dlq replay`: shows dead letters, and replays them once the cause is fixed.
import type { Command } from 'commander';

import { topicNames } from '../log/topics.ts';
import { numberOption, readConfig, withLog } from './command.ts';
import { printLine, type CliContext } from './context.ts';
import { deadLetterRanges, readDeadLetters, type ReadDeadLetter } from './dead-letters.ts';
import { replay, type ReplayFlags } from './dlq-replay.ts';

interface ListFlags {
  readonly reason?: string;
  readonly limit: number;
  readonly json?: true;
}

interface Listing {
  readonly topic: string;
  readonly counts: Readonly<Record<string, number>>;
  readonly strangers: number;
  /** The newest ones, in the order they were written. */
  readonly letters: readonly ReadDeadLetter[];
}

const valueCharactersMax = 120;

const listExamples = `
Examples:
  node dist/main.js dlq list
  node dist/main.js dlq list --reason value_type --limit 100 --json`;

const replayExamples = `
Each dead letter is written back once, to the partition it came from, with its key, value and
headers. A dead letter that was too long to keep whole is read again from the input, and skipped if
the input no longer holds it. Late readings are skipped by default: they stay late unless the state
they were late for is gone (a new GROUP_ID).

Examples:
  node dist/main.js dlq replay                       show what would be replayed
  node dist/main.js dlq replay --reason value_type --yes`;

/** Adds `dlq list` and `dlq replay`. */
export function addDlq(program: Command, context: CliContext): void {
  const dlq = program.command('dlq').description('list or replay records that could not be used');
  dlq
    .command('list')
    .description('count dead letters by reason and show the newest')
    .option('--reason <code>', 'only dead letters with this reason')
    .option('--limit <number>', 'how many to show', numberOption({ min: 0, max: 100_000 }), 20)
    .option('--json', 'print as JSON')
    .addHelpText('after', listExamples)
    .action((flags: ListFlags) => list(flags, context));
  dlq
    .command('replay')
    .description('write dead letters back to the topic they came from')
    .option('--reason <code>', 'only dead letters with this reason')
    .option('--include-late', 'include late readings')
    .option('--yes', 'write them; without it, only print what would be written')
    .option('--json', 'print the counts as JSON')
    .addHelpText('after', replayExamples)
    .action((flags: ReplayFlags) => replay(flags, context));
}

async function list(flags: ListFlags, context: CliContext): Promise<void> {
  const config = readConfig(context);
  const { deadLetters: topic } = topicNames(config.process);
  const listing = await withLog({ config, context, name: 'dlq' }, async (log): Promise<Listing> => {
    const counts: Record<string, number> = {};
    let strangers = 0;
    let letters: ReadDeadLetter[] = [];
    for (const range of await deadLetterRanges(log, topic)) {
      for await (const batch of readDeadLetters(log, range, () => (strangers += 1))) {
        for (const letter of batch.letters) {
          counts[letter.reason] = (counts[letter.reason] ?? 0) + 1;
          if (flags.reason === undefined || letter.reason === flags.reason) letters.push(letter);
        }
        letters = newest(letters, flags.limit);
      }
    }
    return { topic, counts, strangers, letters };
  });
  if (flags.json === true) printLine(context.out, listingJson(listing));
  else printListing(context, listing);
}

/** Returns the newest `limit` letters in the order they were written; bounds the memory used. */
function newest(letters: ReadDeadLetter[], limit: number): ReadDeadLetter[] {
  return letters
    .sort((a, b) => a.timestampMs - b.timestampMs)
    .slice(Math.max(0, letters.length - limit));
}

function printListing({ out }: CliContext, { topic, counts, strangers, letters }: Listing): void {
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  printLine(out, `${total} dead letters in ${topic}`);
  const byCount = Object.entries(counts).sort(([, a], [, b]) => b - a);
  for (const [reason, count] of byCount)
    printLine(out, `  ${String(count).padStart(8)}  ${reason}`);
  if (strangers > 0) printLine(out, `  ${strangers} records were written by other programs`);
  for (const letter of letters) {
    const { record, reason, message, offset, timestampMs, cut } = letter;
    const from = `${record.topic}/${record.partition ?? '?'}@${offset}`;
    printLine(out, `${new Date(timestampMs).toISOString()}  ${reason}  from ${from}: ${message}`);
    const note =
      cut === undefined ? '' : `  (truncated: ${cut.parts}; see the input for the whole record)`;
    printLine(out, `    key ${shown(record.key)}  value ${shown(record.value)}${note}`);
  }
}

function listingJson({ topic, counts, strangers, letters }: Listing): string {
  return JSON.stringify({
    topic,
    counts,
    not_ours: strangers,
    letters: letters.map(({ record, reason, message, offset, at, timestampMs, cut }) => ({
      reason,
      message,
      topic: record.topic,
      partition: record.partition,
      offset,
      dead_letter: at,
      time: new Date(timestampMs).toISOString(),
      key: base64(record.key),
      value: base64(record.value),
      ...(cut === undefined ? {} : { cut: { parts: cut.parts, ...cut.whole } }),
    })),
  });
}

function base64(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes).toString('base64');
}

function shown(bytes: Uint8Array | null): string {
  if (bytes === null) return 'null';
  const text = Buffer.from(bytes.subarray(0, valueCharactersMax * 4)).toString();
  const cut = text.length > valueCharactersMax ? `${text.slice(0, valueCharactersMax)}…` : text;
  return JSON.stringify(cut);
}
