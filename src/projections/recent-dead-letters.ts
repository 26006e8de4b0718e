// The newest dead letters and how many there are of each reason, read from their topic on demand:
// it costs nothing while nobody asks, and every process can answer for all. Bounded by records read
// back, by letters kept, and by what is kept of each: its value as text that shows what is hidden.
import { restoreDeadLetter } from '../codecs/dead-letter.ts';
import { DecodeError } from '../errors.ts';
import { inTurn } from '../in-turn.ts';
import type { EventLog, FetchedBatch, PartitionExtent } from '../log/event-log.ts';
import type { RecordCursor } from '../records/record.ts';
import { visible } from '../visible.ts';

export interface RecentDeadLetter {
  /** The code of `dlq.reason`. */
  readonly reason: string;
  readonly message: string;
  /** Where the record entered. */
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** When it became a dead letter, ms. */
  readonly time: number;
  /** Their beginnings; null where the record has none. */
  readonly key: string | null;
  readonly value: string | null;
  readonly value_bytes: number;
  /** The place of the letter in its own topic. */
  readonly dead_letter: { readonly partition: number; readonly offset: number };
}

export interface RecentDeadLettersView {
  /** By reason, of the letters that were read. */
  readonly counts: Readonly<Record<string, number>>;
  /** Records of other programs among them. */
  readonly not_ours: number;
  /** Records of the topic that were not read: they are too old, or the next question reads them. */
  readonly unread: number;
  /** Newest first. */
  readonly letters: readonly RecentDeadLetter[];
}

export interface RecentDeadLettersOptions {
  readonly log: Pick<EventLog, 'describeTopic' | 'offsetsAll' | 'read'>;
  /** The topic of dead letters. */
  readonly topic: string;
  /** Letters kept of each reason, so that a flood of one leaves the others. */
  readonly lettersPerReasonMax: number;
  /** Reasons kept apart; those of another version beyond it count as `other`. */
  readonly reasonsMax: number;
  /** Most records read back in one partition, at the first question or after a long pause. */
  readonly tailRecordsMax: number;
  /** Most bytes of values read for one question; the next goes on from there. */
  readonly bytesMax: number;
}

/** Some 3 MB of text at most: 32 reasons, 200 letters, a few characters as a rule. */
export const recentLetterBounds = {
  ...{ lettersPerReasonMax: 200, reasonsMax: 32 },
  ...{ tailRecordsMax: 2_000, bytesMax: 32 * 1024 * 1024 },
} as const;

const charactersMax = 300;
const otherReason = 'other';

export class RecentDeadLetters {
  readonly #options: RecentDeadLettersOptions;
  readonly #byReason = new Map<string, { count: number; letters: RecentDeadLetter[] }>();
  /** Offset of the next read, by partition. */
  #positions = new Map<number, number>();
  #notOurs = 0;
  /** Records passed over, and those that the last question left to the next. */
  #passedOver = 0;
  #left = 0;
  #bytesLeft = 0;
  /** Two reads at once would count the same records twice. */
  readonly #readInTurn = inTurn();

  constructor(options: RecentDeadLettersOptions) {
    this.#options = options;
  }

  /**
   * Resolves with the newest letters committed at the call, `limit` at most, of one reason or of
   * all; with none if the topic does not exist.
   * @throws UnavailableError when the log does not answer.
   */
  async newest(limit: number, reason?: string): Promise<RecentDeadLettersView> {
    await this.#readInTurn(() => this.#catchUpAll());
    const kept = [...this.#byReason]
      .filter(([code]) => reason === undefined || code === reason)
      .flatMap(([, { letters }]) => letters);
    return {
      counts: Object.fromEntries([...this.#byReason].map(([code, { count }]) => [code, count])),
      not_ours: this.#notOurs,
      unread: this.#passedOver + this.#left,
      letters: kept.sort(newestFirst).slice(0, limit),
    };
  }

  async #catchUpAll(): Promise<void> {
    const { bytesMax, log, topic } = this.#options;
    // Asked every time: a topic may be made, or get more partitions.
    const count = (await log.describeTopic(topic))?.partitions ?? 0;
    const places = Array.from({ length: count }, (_, partition) => ({ topic, partition }));
    const extents = await log.offsetsAll(places);
    this.#left = 0;
    this.#bytesLeft = bytesMax;
    for (const [partition, extent] of extents.entries()) await this.#catchUp(partition, extent);
  }

  async #catchUp(partition: number, { earliest, end }: PartitionExtent): Promise<void> {
    const { log, topic, tailRecordsMax } = this.#options;
    // A position past the end belongs to a topic that was deleted and made again.
    if ((this.#positions.get(partition) ?? 0) > end) this.#forget();
    const begin = Math.max(this.#positions.get(partition) ?? 0, earliest);
    let from = Math.max(begin, end - tailRecordsMax);
    this.#passedOver += from - begin;
    this.#positions.set(partition, from);
    const isToRead = from < end && this.#bytesLeft > 0;
    for await (const batch of isToRead ? log.read({ topic, partition, from, to: end }) : []) {
      this.#take(batch, { partition, from, to: end });
      from = Math.min(batch.nextOffset, end);
      this.#positions.set(partition, from);
      if (this.#bytesLeft <= 0) break;
    }
    this.#left += end - from;
  }

  #forget(): void {
    this.#positions = new Map();
    this.#byReason.clear();
    this.#notOurs = 0;
    this.#passedOver = 0;
  }

  #take(
    batch: FetchedBatch,
    { partition, from, to }: { readonly [key in 'partition' | 'from' | 'to']: number },
  ): void {
    const cursor = batch.records();
    while (cursor.next()) {
      if (cursor.offset < from || cursor.offset >= to) continue;
      this.#bytesLeft -= Math.max(0, cursor.valueEnd - cursor.valueStart);
      try {
        this.#add(letterOf(cursor, partition));
      } catch (error) {
        // Another program wrote it.
        if (!(error instanceof DecodeError)) throw error;
        this.#notOurs += 1;
      }
    }
  }

  #add(letter: RecentDeadLetter): void {
    const { lettersPerReasonMax, reasonsMax } = this.#options;
    const isKnown = this.#byReason.has(letter.reason) || this.#byReason.size < reasonsMax;
    const code = isKnown ? letter.reason : otherReason;
    const of = this.#byReason.get(code) ?? { count: 0, letters: [] };
    of.count += 1;
    of.letters.push(letter);
    // Partitions are read one after the other, so the newest are found by time.
    if (of.letters.length >= 2 * lettersPerReasonMax) {
      of.letters = of.letters.sort(newestFirst).slice(0, lettersPerReasonMax);
    }
    this.#byReason.set(code, of);
  }
}

function newestFirst(a: RecentDeadLetter, b: RecentDeadLetter): number {
  return b.time - a.time || b.dead_letter.offset - a.dead_letter.offset;
}

function letterOf(cursor: RecordCursor, partition: number): RecentDeadLetter {
  const { bytes, offset, timestampMs } = cursor;
  const letter = restoreDeadLetter({ key: null, value: null, headers: cursor.headers() });
  return {
    reason: visible(letter.reason),
    message: visible(letter.message),
    topic: visible(letter.record.topic),
    partition: letter.record.partition ?? 0,
    offset: letter.offset,
    time: timestampMs,
    key: textOf(bytes, cursor.keyStart, cursor.keyEnd),
    value: textOf(bytes, cursor.valueStart, cursor.valueEnd),
    value_bytes: Math.max(0, cursor.valueEnd - cursor.valueStart),
    dead_letter: { partition, offset },
  };
}

/** Returns the beginning as text; as hexadecimal digits where it is none. */
function textOf(bytes: Uint8Array, start: number, end: number): string | null {
  if (start < 0) return null;
  // Four bytes a character at most; a character cut at the end is no reason to take it for binary.
  const part = bytes.subarray(start, Math.min(end, start + 4 * charactersMax));
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(part, { stream: true });
  if (text.includes('\ufffd') || text.includes('\0')) {
    const digits = Buffer.from(part.subarray(0, charactersMax / 2)).toString('hex');
    return `0x${digits}${part.length > charactersMax / 2 ? '…' : ''}`;
  }
  const isCut = text.length > charactersMax || part.length < end - start;
  return isCut ? `${visible(text.slice(0, charactersMax))}…` : visible(text);
}
