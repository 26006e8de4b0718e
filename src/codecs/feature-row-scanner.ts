// The fast half of reading feature rows back: rows as encodeFeatureRowJson writes them, straight
// from the bytes. It only ever says "read" or "not for me"; the strict parser then decides, so that
// reasons are given in one place.
import { isUtf8 } from 'node:buffer';
import type { FeatureRow } from './feature-row.ts';
import { scanNumber, scannedNumber } from './json-number.ts';

/**
 * Scans one feature row; it remembers what neighbouring rows share, so each reader of a topic has
 * its own.
 */
export interface FeatureRowScanner {
  /**
   * Returns the row in bytes [start, end), or undefined for anything but the contract's fields in
   * the contract's order without white space or escapes: such bytes may still be a row, the strict
   * parser knows.
   */
  scan(bytes: Buffer, start: number, end: number): FeatureRow | undefined;
}

const sensorIdPart = partOf('{"sensor_id":"');
const windowStartPart = partOf(',"window_start":');
const windowEndPart = partOf(',"window_end":');
const eventTimePart = partOf(',"event_time":"');
const featuresPart = partOf(',"features":{"');
const lineagePart = partOf(',"lineage":{"topic":"');
const partitionPart = partOf(',"partition":');
const firstOffsetPart = partOf(',"first_offset":');
const lastOffsetPart = partOf(',"last_offset":');

const quote = 0x22;
const comma = 0x2c;
const colon = 0x3a;
const backslash = 0x5c;
const braceOpen = 0x7b;
const braceClose = 0x7d;
const space = 0x20;

/** Returns a scanner. */
export function createFeatureRowScanner(): FeatureRowScanner {
  return new Scanner();
}

//   {"sensor_id":"…","window_start":…,"window_end":…,"event_time":"…","features":{"…":…,…},"lineage":{…,"last_offset":…}}
//
// Bounds: the range must end in `}`, which no part and no number contains beyond its place: a
// mismatch is found there at the latest, and only string loops compare positions.
class Scanner implements FeatureRowScanner {
  #at = 0;
  #end = 0;
  /** Strings of the row before: event time, feature names and topic are mostly those again. */
  readonly #known: KnownText[] = [];

  scan(bytes: Buffer, start: number, end: number): FeatureRow | undefined {
    if (end - start < 2 || bytes[start] !== braceOpen || bytes[end - 1] !== braceClose) {
      return undefined;
    }
    this.#at = start;
    this.#end = end;
    if (!this.#part(bytes, sensorIdPart)) return undefined;
    const idStart = this.#at;
    if (!this.#stringEnds(bytes)) return undefined;
    const idEnd = this.#at - 1;
    if (idEnd === idStart || !this.#part(bytes, windowStartPart)) return undefined;
    const windowStart = this.#integer(bytes);
    if (!this.#part(bytes, windowEndPart)) return undefined;
    const windowEnd = this.#integer(bytes);
    if (!(windowEnd > windowStart) || !this.#part(bytes, eventTimePart)) return undefined;
    const eventTime = this.#text(bytes, 0);
    if (eventTime === undefined || !this.#part(bytes, featuresPart)) return undefined;
    const features = this.#features(bytes);
    if (features === undefined || !this.#part(bytes, lineagePart)) return undefined;
    const lineage = this.#lineage(bytes);
    if (lineage === undefined || this.#at !== end) return undefined;
    return {
      sensor_id: bytes.toString('utf8', idStart, idEnd),
      window_start: windowStart,
      window_end: windowEnd,
      event_time: eventTime,
      features,
      lineage,
    };
  }

  /** From after the first name's opening quote to after the closing brace. */
  #features(bytes: Buffer): Record<string, number> | undefined {
    const features: Record<string, number> = {};
    for (let index = 2; ; index += 1) {
      const name = this.#text(bytes, index);
      // Set by name, `__proto__` would be no feature but the object's prototype.
      if (name === undefined || name === '__proto__' || bytes[this.#at] !== colon) return undefined;
      const after = scanNumber(bytes, this.#at + 1);
      const value = scannedNumber[0] as number;
      if (after < 0 || !Number.isFinite(value)) return undefined;
      features[name] = value;
      const byte = bytes[after];
      this.#at = after + 1;
      if (byte === braceClose) return features;
      if (byte !== comma || bytes[this.#at] !== quote) return undefined;
      this.#at += 1;
    }
  }

  /** From after the topic's opening quote to the end of the row. */
  #lineage(bytes: Buffer): FeatureRow['lineage'] | undefined {
    const topic = this.#text(bytes, 1);
    if (topic === undefined || !this.#part(bytes, partitionPart)) return undefined;
    const partition = this.#integer(bytes);
    if (!(partition >= 0) || !this.#part(bytes, firstOffsetPart)) return undefined;
    const firstOffset = this.#integer(bytes);
    if (!(firstOffset >= 0) || !this.#part(bytes, lastOffsetPart)) return undefined;
    const lastOffset = this.#integer(bytes);
    if (!(lastOffset >= 0) || bytes[this.#at] !== braceClose) return undefined;
    this.#at += 2;
    return { topic, partition, first_offset: firstOffset, last_offset: lastOffset };
  }

  /** Passes `part` and returns true, or returns false. */
  #part(bytes: Buffer, part: Uint8Array): boolean {
    const at = this.#at;
    for (let index = 0; index < part.length; index += 1) {
      if (bytes[at + index] !== part[index]) return false;
    }
    this.#at = at + part.length;
    return true;
  }

  /** Returns the safe integer that begins here, or NaN. */
  #integer(bytes: Buffer): number {
    const after = scanNumber(bytes, this.#at);
    if (after < 0) return NaN;
    this.#at = after;
    const value = scannedNumber[0] as number;
    return Number.isSafeInteger(value) ? value : NaN;
  }

  /**
   * Passes the rest of a string and its closing quote; false where it has an escape or is not
   * UTF-8.
   */
  #stringEnds(bytes: Buffer): boolean {
    const start = this.#at;
    let seen = 0;
    for (let at = start; at < this.#end; at += 1) {
      const byte = bytes[at] as number;
      if (byte === quote) {
        this.#at = at + 1;
        return seen < 0x80 || isUtf8(bytes.subarray(start, at));
      }
      if (byte < space || byte === backslash) return false;
      seen |= byte;
    }
    return false;
  }

  /**
   * As #stringEnds; returns the string, which is mostly the one that was at `place` in the row
   * before.
   */
  #text(bytes: Buffer, place: number): string | undefined {
    const known = this.#known[place];
    if (known !== undefined && this.#part(bytes, known.part)) return known.text;
    const start = this.#at;
    if (!this.#stringEnds(bytes)) return undefined;
    const text = bytes.toString('utf8', start, this.#at - 1);
    if (place < knownMax) this.#known[place] = { text, part: partOf(`${text}"`) };
    return text;
  }
}

interface KnownText {
  readonly text: string;
  /** The text and its closing quote. */
  readonly part: Uint8Array;
}

const knownMax = 66;

function partOf(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text));
}
