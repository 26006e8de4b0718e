// The journal: every decision that is not a function of the input log, so that replay can obey it.
// An entry is written in the transaction of the commit that first shows its effect, keyed by its
// shard.
//
//   key    <group>/<topic>/<partition>
//   value  {"version":1,"sequence":1..,"offset":<applied before this input offset>,"kind":…,…}
//
//   idle        watermark_ms                              event time flowed while nothing came
//   quarantine  sensor_id cause message decided_ms        set aside by an operator, or after its fold threw
//   release     sensor_id                                 taken back
//   reset       sensor_id                                 its baseline begins again; '' = the journal's first entry
//   acknowledge sensor_id message decided_ms              an operator knows of its open alarms
//   mute        … until_ms                                its alarms are not delivered until then; 0 ends it
//   tune        … sensitivity direction                   from which score and which way it alarms; null: as before
//   skip        message decided_ms                        the record at `offset` cannot be folded at all
//   gap         from_offset to_offset watermark_ms        records from..to were deleted before they were folded, and an
//               source_max_ms                             operator accepted it; event time as committed at `offset`
//   schema      schema_id known                           the registry had no such schema, or has it now
import type { EventLog } from '../log/event-log.ts';
import { hasKey } from '../records/record-key.ts';
import type { OutputRecord, TopicPartition } from '../records/record.ts';
import { ConfigError, InvariantError, UnavailableError } from '../errors.ts';
import { journaledDecisions } from '../metrics/label-values.ts';
import type { AlarmDirection } from '../sensors/alarm-slot.ts';

export type QuarantineCause = 'operator' | 'fold_failed';

interface OfAlarms {
  readonly sensor_id: string;
  readonly message: string;
  /** Wall clock. */
  readonly decided_ms: number;
}

export type Decision =
  | { readonly kind: 'idle'; readonly watermark_ms: number }
  | {
      readonly kind: 'quarantine';
      readonly sensor_id: string;
      readonly cause: QuarantineCause;
      readonly message: string;
      /** Wall clock; it bounds how many are decided an hour, and is shown. */
      readonly decided_ms: number;
    }
  | { readonly kind: 'release' | 'reset'; readonly sensor_id: string }
  | ({ readonly kind: 'acknowledge' } & OfAlarms)
  | ({ readonly kind: 'mute'; readonly until_ms: number } & OfAlarms)
  | ({
      readonly kind: 'tune';
      readonly sensitivity: number | null;
      readonly direction: AlarmDirection | null;
    } & OfAlarms)
  | { readonly kind: 'skip'; readonly message: string; readonly decided_ms: number }
  | {
      readonly kind: 'gap';
      readonly from_offset: number;
      readonly to_offset: number;
      readonly watermark_ms: number | null;
      readonly source_max_ms: number | null;
    }
  | { readonly kind: 'schema'; readonly schema_id: number; readonly known: boolean };

export type DecisionKind = Decision['kind'];

export type JournalEntry = Decision & {
  readonly version: 1;
  /** 1, 2, 3 … per shard. */
  readonly sequence: number;
  /** Applied when all records below this offset are folded and before the record at it. */
  readonly offset: number;
};

const kinds: ReadonlySet<string> = new Set<DecisionKind>(['idle', ...journaledDecisions]);

/**
 * Returns the first entry of a shard's journal. It changes nothing: no sensor has an empty id.
 *
 * It is written with the shard's first commit, so a journal without a committed offset always means
 * that the group's offsets were lost. Without it, a shard that never decided anything would look
 * like a new one, and would write all its rows again.
 *
 * Its kind is one that every version accepts: they may take over each other's shards.
 */
export function openingEntry(offset: number): JournalEntry {
  return { version: 1, sequence: 1, offset, kind: 'reset', sensor_id: '' };
}

/** Returns the record that writes `entry` into its shard's partition of the journal. */
export function journalRecord(
  entry: JournalEntry,
  shardKey: string,
  journal: TopicPartition,
): OutputRecord {
  return {
    topic: journal.topic,
    partition: journal.partition,
    key: Buffer.from(shardKey),
    value: Buffer.from(JSON.stringify(entry)),
  };
}

export interface JournalRange {
  readonly journal: TopicPartition;
  readonly shardKey: string;
  /** First offset of the journal partition that can hold a wanted entry. */
  readonly fromOffset: number;
  /** Entries up to this sequence are in the state already. */
  readonly afterSequence: number;
  /** The last entry that committed metadata counts. */
  readonly lastSequence: number;
}

/**
 * Returns the entries (afterSequence, lastSequence] in order.
 * @throws ConfigError when the journal no longer holds them (retention): continuing would compute
 * something else.
 */
export async function readJournal(
  log: EventLog,
  range: JournalRange,
): Promise<readonly JournalEntry[]> {
  if (range.lastSequence === range.afterSequence) return [];
  const entries: JournalEntry[] = [];
  // The transactions of other shards are waited for only where entries are missing without them:
  // one that was left open by a kill holds up nobody else.
  for (const settledOnly of [true, false]) {
    for await (const entry of shardEntries(log, range, settledOnly)) {
      if (entry.sequence <= range.afterSequence + entries.length) continue;
      if (entry.sequence !== range.afterSequence + entries.length + 1) break;
      entries.push(entry);
      if (entry.sequence === range.lastSequence) return entries;
    }
  }
  const { earliest } = await log.offsets(range.journal);
  const found = range.afterSequence + entries.length;
  const where = { topic: range.journal.topic, partition: range.journal.partition };
  if (earliest > range.fromOffset) {
    throw new ConfigError(
      `the journal ${where.topic}/${where.partition} begins at offset ${earliest}, but shard ${range.shardKey} ` +
        `needs entries ${found + 1}..${range.lastSequence} from offset ${range.fromOffset}: its retention is ` +
        "shorter than the input's; start with a new GROUP_ID and OUTPUT_TOPIC",
      where,
    );
  }
  throw new UnavailableError(
    `the journal shows entries up to ${found} of ${range.lastSequence} of shard ${range.shardKey}`,
    where,
  );
}

async function* shardEntries(
  log: EventLog,
  { journal, shardKey, fromOffset }: JournalRange,
  settledOnly: boolean,
): AsyncGenerator<JournalEntry> {
  const key = Buffer.from(shardKey);
  const { earliest, end } = await log.offsets(journal);
  if (fromOffset >= end) return;
  const from = Math.max(fromOffset, earliest);
  for await (const batch of log.read({ ...journal, from, settledOnly })) {
    const records = batch.records();
    while (records.next()) {
      const { bytes, valueStart, valueEnd } = records;
      if (valueStart < 0 || !hasKey(records, key)) continue;
      yield decodeEntry(Buffer.from(bytes.subarray(valueStart, valueEnd)).toString(), shardKey);
    }
  }
}

function decodeEntry(text: string, shardKey: string): JournalEntry {
  const entry = JSON.parse(text) as JournalEntry;
  if (entry.version !== 1 || !kinds.has(entry.kind) || !Number.isSafeInteger(entry.offset)) {
    throw new InvariantError(`unknown journal entry of shard ${shardKey}: ${text.slice(0, 200)}`);
  }
  return entry;
}
