// The declared fields of one record, as a picker finds them in its bytes: device id, time, values.
// One slot, filled again for each record. A picker reads only what is plain: whatever is refused,
// or odd, it leaves to the reader of whole records (input-reader.ts), which gives every reason.
// Both say the same of a record that both read: property-tests/laws/picked-records.test.ts.
import { DecodeError } from '../errors.ts';
import { escapedPart, type InputDeclaration } from '../sensors/input-declaration.ts';
import type { Reading } from '../sensors/reading.ts';
import type { PickedMeasurement } from './field-claims.ts';
import { idPart, keyText } from './input-id.ts';
import type { InputRecord } from './input-record.ts';
import { timeReason, timeRuleOf, timeSlot, type TimeRule } from './input-time.ts';
import { valueOf } from './input-value.ts';
import { measurementsMax, sensorIdBytesMax, valueMagnitudeMax } from './reading-limits.ts';

/** A picker throws it at a record that it leaves; made once, since a stack costs microseconds. */
const left = new DecodeError('the record is left to the reader of whole records');

/** Leaves the record that is being picked from. */
export function leaveRecord(): never {
  throw left;
}

/** Walks through a record's bytes [start, end) and gives `fields` what is declared. */
export interface FieldPicker {
  /** By slot. */
  readonly measurements: readonly PickedMeasurement[];
  /** @throws DecodeError, or any other error, if the record is left. */
  pick(bytes: Buffer, start: number, end: number, fields: PickedFields): void;
}

export class PickedFields {
  timestampMs: number = 0;
  private readonly declaration: InputDeclaration;
  private readonly maxAheadMs: number;
  private readonly timeRule: TimeRule;
  private readonly acceptsNumber: boolean;
  private readonly ids: string[] = [];
  private measurements: readonly PickedMeasurement[] = [];
  private hasTime: boolean = false;
  private recordTimeMs: number = 0;
  private metric: string | undefined;
  /** By slot; NaN for none, which no value is. */
  private values: Float64Array = new Float64Array(8);
  /** The device's id, in the record or in the room for ids. */
  private idBytes: Uint8Array = noBytes;
  private idStart: number = 0;
  private idEnd: number = 0;
  private readonly room: Buffer = Buffer.alloc(2 * sensorIdBytesMax);

  constructor(declaration: InputDeclaration, maxAheadMs: number) {
    this.declaration = declaration;
    this.maxAheadMs = maxAheadMs;
    this.timeRule = timeRuleOf(declaration);
    this.acceptsNumber = declaration.valueTypes.includes('number');
  }

  /** Slots of values, of which the record may have some. */
  get slots(): number {
    return this.measurements.length;
  }

  // hot path
  /**
   * Returns whether `picker` read the record, whose content is bytes [start, end): then it has one
   * device, a time and at least one value, and nothing of it is refused.
   */
  read(picker: FieldPicker, record: InputRecord, bytes: Buffer, start: number): boolean {
    this.begin(picker, record);
    try {
      picker.pick(bytes, start, record.valueEnd, this);
    } catch {
      // The reader of whole records says why.
      return false;
    }
    return this.hasTime && this.findDevice(record) && this.hasSensors();
  }

  private begin({ measurements }: FieldPicker, { timestampMs }: InputRecord): void {
    const { length } = measurements;
    if (length > this.values.length) this.values = new Float64Array(2 * length);
    for (let slot = 0; slot < length; slot += 1) this.values[slot] = NaN;
    this.measurements = measurements;
    this.recordTimeMs = timestampMs;
    this.timestampMs = timestampMs;
    this.hasTime = this.declaration.time === 'record' && timestampMs > 0;
    this.idStart = -1;
    // Setting it calls out of JavaScript.
    if (this.ids.length > 0) this.ids.length = 0;
    this.metric = undefined;
  }

  /** Takes the UTF-8 bytes [start, end) for the whole id of the device. */
  takeDevice(bytes: Uint8Array, start: number, end: number): void {
    this.idBytes = bytes;
    this.idStart = start;
    this.idEnd = end;
  }

  takeId(part: number, found: unknown): void {
    this.ids[part] = plainPart(found);
  }

  takeMetric(found: unknown): void {
    this.metric = plainPart(found);
  }

  takeTime(found: unknown): void {
    if (timeReason(found, this.timeRule, this.recordTimeMs, this.maxAheadMs) !== null)
      leaveRecord();
    this.timestampMs = timeSlot[0] as number;
    this.hasTime = true;
  }

  takeValue(slot: number, found: unknown): void {
    if (found === null) return;
    if (this.valueOf(found) === undefined) leaveRecord();
    this.takeMember(slot, found);
  }

  /** As a value; a member of another type is skipped. */
  takeMember(slot: number, found: unknown): void {
    const value = this.valueOf(found);
    if (value !== undefined) this.takeNumber(slot, value);
  }

  /** Takes a number where the declaration accepts numbers. */
  takeNumber(slot: number, value: number): void {
    if (!(Math.abs(value) <= valueMagnitudeMax)) leaveRecord();
    this.values[slot] = value;
  }

  private valueOf(found: unknown): number | undefined {
    if (typeof found === 'number' && this.acceptsNumber) return found;
    return valueOf(found, this.declaration.valueTypes);
  }

  private findDevice(record: InputRecord): boolean {
    const { id } = this.declaration;
    if (id === 'key') {
      if (typeof keyText(record) !== 'string') return false;
      this.takeDevice(record.bytes, record.keyStart, record.keyEnd);
    } else if (this.idStart < 0) {
      const { ids, room } = this;
      if (ids.length !== id.length || ids.includes(undefined as never)) return false;
      const device = ids.map((part, index) => (index === 0 ? part : `/${escapedPart(part)}`));
      // As long as the room or longer, it is too long an id.
      this.takeDevice(room, 0, room.write(device.join('')));
    }
    const length = this.idEnd - this.idStart;
    return length > 0 && length <= sensorIdBytesMax;
  }

  /** Whether the record has values, and each an id that is not too long. */
  private hasSensors(): boolean {
    const { kind } = this.declaration.measurements;
    if (kind === 'one') return !Number.isNaN(this.values[0]);
    const length = this.idEnd - this.idStart;
    if (this.idBytes !== this.room) {
      // Names are put behind it there.
      for (let at = 0; at < length; at += 1) {
        this.room[at] = this.idBytes[this.idStart + at] as number;
      }
      this.takeDevice(this.room, 0, length);
    }
    if (kind === 'long' && !this.nameMetric()) return false;
    let count = 0;
    for (let slot = 0; slot < this.slots; slot += 1) {
      if (Number.isNaN(this.values[slot])) continue;
      count += 1;
      if (length + this.suffixOf(slot).length > sensorIdBytesMax) return false;
    }
    return count > 0 && count <= measurementsMax;
  }

  private metricSuffix: Uint8Array = noBytes;

  private nameMetric(): boolean {
    if (this.metric === undefined) return false;
    this.metricSuffix = Buffer.from(`/${escapedPart(this.metric)}`);
    return true;
  }

  private suffixOf(slot: number): Uint8Array {
    if (this.declaration.measurements.kind === 'long') return this.metricSuffix;
    return this.measurements[slot]?.suffix ?? noBytes;
  }

  fieldOf(slot: number): string {
    return this.measurements[slot]?.field ?? '';
  }

  /** Fills `reading` with the device alone. */
  fillDevice(reading: Reading): void {
    reading.idBytes = this.idBytes;
    reading.idStart = this.idStart;
    reading.idEnd = this.idEnd;
  }

  /**
   * Fills `reading` with the value of `slot`; returns false if the record has none. Its id lies in
   * bytes that the next one overwrites.
   */
  fill(reading: Reading, slot: number): boolean {
    const value = this.values[slot] as number;
    if (Number.isNaN(value)) return false;
    this.fillDevice(reading);
    reading.timestampMs = this.timestampMs;
    reading.value = value;
    if (this.declaration.measurements.kind === 'one') return true;
    const suffix = this.suffixOf(slot);
    for (let at = 0; at < suffix.length; at += 1) {
      this.room[reading.idEnd + at] = suffix[at] as number;
    }
    reading.idEnd += suffix.length;
    return true;
  }
}

const noBytes = new Uint8Array(0);

function plainPart(found: unknown): string {
  const part = idPart(found, '');
  return typeof part === 'string' ? part : leaveRecord();
}
