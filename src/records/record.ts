// Records and partitions, as the log's port and the codecs share them. Types only; offsets are safe
// integers, asserted by the log's adapters.

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

export interface RecordHeader {
  readonly key: string;
  readonly value: Uint8Array | null;
}

/**
 * A cursor over the records of one batch. `next()` moves to the next record and returns false after
 * the last; the fields describe the current record until the following `next()`. Key and value are
 * ranges [start, end) of `bytes`; a start of -1 means null. No object is allocated per record (hot
 * path).
 */
export interface RecordCursor {
  next(): boolean;
  readonly offset: number;
  /** The record's Kafka timestamp, ms since epoch (the append time under LogAppendTime). */
  readonly timestampMs: number;
  readonly bytes: Uint8Array;
  readonly keyStart: number;
  readonly keyEnd: number;
  readonly valueStart: number;
  readonly valueEnd: number;
  readonly headerCount: number;
  /**
   * Set on a record whose batch inflates to more than memory should hold for it: it has neither
   * key, value nor headers here.
   */
  readonly unreadable?: object | undefined;
  /** The headers of the current record, parsed on demand. */
  headers(): readonly RecordHeader[];
  /**
   * Returns the current record and those after it in its batch, still encoded; undefined where the
   * current record must be read by itself. Left out where records do not lie in the bytes of a
   * batch.
   */
  section?(): RecordSection | undefined;
  /** Moves to a record of the section that the cursor handed out last. Left out with `section`. */
  moveWithin?(section: RecordSection, place: SectionPlace): void;
}

/** Encoded records of one batch, from one on to its end. */
export interface RecordSection {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly records: number;
  readonly baseOffset: number;
  /** Offsets of the records lie behind this one … */
  readonly afterOffset: number;
  /** … and up to this one. */
  readonly lastOffset: number;
  readonly baseTimestampMs: number;
  /** The timestamp of every record; undefined where each has its own. */
  readonly appendTimeMs: number | undefined;
}

/** A record of a section. */
export interface SectionPlace {
  /** Records of the section before it. */
  readonly index: number;
  /** Its first byte, from the section's start. */
  readonly start: number;
  /** Offset of the record before it, or any below its own. */
  readonly afterOffset: number;
}

export interface OutputRecord {
  readonly topic: string;
  /** Default: the partition chosen by Kafka's default partitioner, murmur2 of the key. */
  readonly partition?: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers?: readonly RecordHeader[];
  /** Default: the time of the append. */
  readonly timestampMs?: number;
  /** How to truncate a record too long for its topic (codecs/cut-record.ts). Default: never. */
  readonly cutAs?: CutAs;
  /** Returns a forward's value in fewer bytes; left out where it is a plain reading. */
  readonly shorterValue?: () => Uint8Array;
}

export type CutAs = 'deadLetter' | 'forward';
