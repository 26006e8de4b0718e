// Kafka record batches, format v2, as the Kafka adapter fetches and the embedded log stores them.
// `recordCursor` walks the encoded bytes without allocating per record; every length is checked
// against its bounds before it is used.
//
//   0 baseOffset int64 · 8 length int32 (bytes after it) · 12 leaderEpoch int32 · 16 magic int8 = 2 · 17 crc uint32
//  21 attributes int16 · 23 lastOffsetDelta int32 · 27 baseTimestamp int64 · 35 maxTimestamp int64 · 43 producerId int64
//  51 producerEpoch int16 · 53 baseSequence int32 · 57 recordCount int32 · 61 records, perhaps compressed as one blob
//
// record = varint length, int8 attributes, varlong timestampDelta, varint offsetDelta,
// varint-prefixed key and value (-1 = null), varint header count, headers. The CRC-32C covers
// everything from byte 21.
import { assert, InvariantError } from '../errors.ts';
import type { RecordCursor, RecordHeader, RecordSection, SectionPlace } from '../records/record.ts';
import { inflate, type Codec } from './record-batch-codecs.ts';
import {
  batchHeaderBytes,
  corruptBatch,
  readBatchHeader,
  type BatchHeader,
  type BatchPlace,
  type CheckedBatch,
} from './record-batch-header.ts';
import { readVarint, readVarlong, type ByteReader } from './record-batch-varint.ts';

// A record with empty key and value and no headers, including its length varint.
const recordBytesMin = 7;

/** Records outside [from, to) are skipped. */
export interface OffsetRange {
  readonly from?: number;
  readonly to?: number;
  /**
   * A batch that inflates further has no records that can be read; 256 MiB unless a test says less.
   */
  readonly inflatedBytesMax?: number;
}

/**
 * Returns a cursor over the records of one or several whole batches in offset order; checks the CRC
 * of each batch first. A batch is inflated when the cursor reaches it. Control batches are skipped.
 * @throws InvariantError (also from `next()` and `headers()`) if a batch is corrupt, with the
 * place.
 */
export function recordCursor(
  batches: Uint8Array | readonly Uint8Array[],
  place: BatchPlace = {},
  range: OffsetRange = {},
): RecordCursor {
  const list = batches instanceof Uint8Array ? [batches] : batches;
  const checked = list.map((bytes) => ({ bytes, header: readBatchHeader(bytes, place) }));
  return checkedCursor(checked, place, range);
}

/** Like `recordCursor`, for batches already checked. */
export function checkedCursor(
  batches: readonly CheckedBatch[],
  place: BatchPlace,
  range: OffsetRange,
): RecordCursor {
  return new BatchCursor(batches, place, range);
}

/**
 * Returns whether a control batch marks an aborted transaction (key: int16 version, int16 type 0).
 * @throws InvariantError if it is not a control batch, or has no marker.
 */
export function isAbortMarker(batch: CheckedBatch, place: BatchPlace): boolean {
  const { bytes, header } = batch;
  const cursor = new BatchCursor([{ bytes, header: { ...header, control: false } }], place, {});
  if (!header.control || !cursor.next() || cursor.keyEnd - cursor.keyStart < 4) {
    throw corruptBatch('it holds no transaction marker', place, { baseOffset: header.baseOffset });
  }
  return (
    ((cursor.bytes[cursor.keyStart + 2] ?? 0) << 8) + (cursor.bytes[cursor.keyStart + 3] ?? 0) === 0
  );
}

const noBytes = new Uint8Array(0);

class BatchCursor implements RecordCursor, ByteReader {
  offset = -1;
  timestampMs = 0;
  bytes: Uint8Array = new Uint8Array(0);
  keyStart = -1;
  keyEnd = -1;
  valueStart = -1;
  valueEnd = -1;
  headerCount = 0;
  /** Header of the current batch if it inflates too far: its records are handed out empty. */
  unreadable: BatchHeader | undefined;
  /** Index of the next varint, and end of the current record or section. */
  at = 0;
  end = 0;

  private readonly batches: readonly CheckedBatch[];
  private readonly place: BatchPlace;
  private readonly from: number;
  private readonly to: number;
  private readonly inflatedBytesMax: number | undefined;
  private nextBatch = 0;
  private header: BatchHeader | undefined;
  private remaining = 0;
  /** Start of the current record. */
  private start = 0;
  private headersStart = 0;

  constructor(batches: readonly CheckedBatch[], place: BatchPlace, range: OffsetRange) {
    this.batches = batches;
    this.place = place;
    this.from = range.from ?? 0;
    this.to = range.to ?? Number.MAX_SAFE_INTEGER;
    this.inflatedBytesMax = range.inflatedBytesMax;
  }

  // hot path
  next(): boolean {
    for (;;) {
      while (this.remaining === 0) {
        if (!this.openNextBatch()) return false;
      }
      if (this.unreadable === undefined) this.readRecord();
      else this.stepOverRecord(this.unreadable);
      if (this.offset >= this.to) {
        this.remaining = 0;
        this.nextBatch = this.batches.length;
        return false;
      }
      if (this.offset >= this.from) return true;
    }
  }

  section(): RecordSection | undefined {
    const header = this.header;
    if (header === undefined || this.unreadable !== undefined) return undefined;
    return {
      bytes: this.bytes,
      start: this.start,
      end: this.end,
      records: this.remaining + 1,
      baseOffset: header.baseOffset,
      afterOffset: this.offset - 1,
      lastOffset: Math.min(header.lastOffset, this.to - 1),
      baseTimestampMs: header.baseTimestampMs,
      appendTimeMs: header.logAppendTime ? header.maxTimestampMs : undefined,
    };
  }

  moveWithin(section: RecordSection, { index, start, afterOffset }: SectionPlace): void {
    assert(section.bytes === this.bytes, 'a cursor moves within the batch that it stands in');
    this.at = section.start + start;
    this.remaining = section.records - index;
    this.offset = afterOffset;
    this.readRecord();
  }

  headers(): readonly RecordHeader[] {
    const headers: RecordHeader[] = [];
    const recordEnd = this.at;
    const sectionEnd = this.end;
    this.at = this.headersStart;
    this.end = recordEnd;
    for (let left = this.headerCount; left > 0; left--) {
      const key = this.readHeaderBytes();
      if (key === null) throw this.corruptRecord('a header has no key');
      headers.push({ key: Buffer.from(key).toString('utf8'), value: this.readHeaderBytes() });
    }
    this.at = recordEnd;
    this.end = sectionEnd;
    return headers;
  }

  private openNextBatch(): boolean {
    const batch = this.batches[this.nextBatch];
    if (batch === undefined) return false;
    this.nextBatch += 1;
    const { bytes, header } = batch;
    this.header = header;
    if (header.control) return true;
    const { codec, baseOffset } = header;
    if (codec === 'none') {
      this.bytes = bytes;
      this.at = batchHeaderBytes;
    } else {
      const inflated = this.inflateRecords(codec, bytes, baseOffset);
      if (inflated === undefined) return this.openUnreadable(header);
      this.bytes = inflated;
      this.at = 0;
    }
    this.unreadable = undefined;
    this.end = this.bytes.length;
    this.offset = baseOffset - 1;
    this.remaining = header.recordCount;
    if (this.remaining * recordBytesMin > this.end - this.at) {
      throw corruptBatch('it is too short for its record count', this.place, { baseOffset });
    }
    return true;
  }

  /**
   * Its records are handed out without anything in them: what was there is known to the log alone.
   */
  private openUnreadable(header: BatchHeader): boolean {
    const { baseOffset, lastOffset, recordCount, maxTimestampMs } = header;
    if (recordCount > lastOffset - baseOffset + 1) {
      throw corruptBatch('it has more records than offsets', this.place, { baseOffset });
    }
    this.unreadable = header;
    this.bytes = noBytes;
    this.keyStart = this.keyEnd = this.valueStart = this.valueEnd = -1;
    this.headerCount = 0;
    this.timestampMs = maxTimestampMs;
    this.offset = baseOffset - 1;
    this.remaining = recordCount;
    return true;
  }

  /**
   * Compaction may have removed some: those left are counted from the first, the last is itself.
   */
  private stepOverRecord({ lastOffset }: BatchHeader): void {
    this.remaining -= 1;
    this.offset = this.remaining === 0 ? lastOffset : this.offset + 1;
  }

  private inflateRecords(
    codec: Codec,
    batch: Uint8Array,
    baseOffset: number,
  ): Uint8Array | undefined {
    try {
      return inflate(codec, batch.subarray(batchHeaderBytes), this.inflatedBytesMax);
    } catch (error) {
      throw corruptBatch('its records do not inflate', this.place, { baseOffset, codec }, error);
    }
  }

  // hot path
  private readRecord(): void {
    const header = this.header;
    if (header === undefined) throw new InvariantError('A record is read before its batch is open');
    const sectionEnd = this.end;
    this.start = this.at;
    const length = readVarint(this);
    const recordEnd = this.at + length;
    if (length < recordBytesMin - 1 || recordEnd > sectionEnd) {
      throw this.corruptRecord('a record reaches past its batch');
    }
    this.end = recordEnd;
    this.at += 1; // record attributes: unused by the format
    const timestampMs = header.baseTimestampMs + readVarlong(this);
    this.timestampMs = header.logAppendTime ? header.maxTimestampMs : timestampMs;
    const offset = header.baseOffset + readVarint(this);
    if (offset <= this.offset || offset > header.lastOffset) {
      throw this.corruptRecord('its record offsets do not rise within the batch');
    }
    this.offset = offset;
    const keyLength = readVarint(this);
    this.keyStart = keyLength < 0 ? -1 : this.at;
    this.keyEnd = keyLength < 0 ? -1 : this.advance(keyLength);
    const valueLength = readVarint(this);
    this.valueStart = valueLength < 0 ? -1 : this.at;
    this.valueEnd = valueLength < 0 ? -1 : this.advance(valueLength);
    this.headerCount = readVarint(this);
    // A header is at least two bytes: an empty key and a null value.
    if (this.headerCount < 0 || this.headerCount * 2 > recordEnd - this.at) {
      throw this.corruptRecord('a header count does not fit its record');
    }
    this.headersStart = this.at;
    this.at = recordEnd;
    this.remaining -= 1;
    this.end = sectionEnd;
    if (this.remaining === 0 && recordEnd !== sectionEnd) {
      throw this.corruptRecord('bytes follow its last record');
    }
  }

  private advance(length: number): number {
    this.at += length;
    if (this.at > this.end) throw this.corruptRecord('a field reaches past its record');
    return this.at;
  }

  private readHeaderBytes(): Uint8Array | null {
    const length = readVarint(this);
    if (length < 0) return null;
    const start = this.at;
    return this.bytes.subarray(start, this.advance(length));
  }

  corruptRecord(reason: string): InvariantError {
    return corruptBatch(reason, this.place, {
      baseOffset: this.header?.baseOffset,
      offset: this.offset,
    });
  }
}
