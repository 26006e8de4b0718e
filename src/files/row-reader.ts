// A row of a file → its readings, or why it has none. A row may hold several measurements of one
// device, as a record may: each is a reading of its own, and missing ones are passed over.
import { deviceIdLength, idPart, sensorIdOf } from '../codecs/input-id.ts';
import { valueOf } from '../codecs/input-value.ts';
import { valueMagnitudeMax } from '../codecs/reading-limits.ts';
import { ConfigError } from '../errors.ts';
import {
  escapedPart,
  everyText,
  pathText,
  type FieldPath,
  type ValueType,
} from '../sensors/input-declaration.ts';
import type { RowFields, TakeField } from './bind-fields.ts';
import type { FileShape } from './file-shape.ts';
import { printable, readFileTime, type FileTimeRule } from './file-time.ts';

/** A reading of a file; or a row, or a measurement of one, that is refused. */
export interface FileRow {
  /** Number of the row in the file, from 1; the header is not counted. */
  readonly row: number;
  readonly sensorId: string;
  /** The value's field; empty where the row as a whole is no reading. */
  readonly field: string;
  /** As the file has them. */
  readonly timestampText: string;
  readonly valueText: string;
  /** Event time in ms since the epoch; NaN where it is no reading. */
  readonly timestampMs: number;
  /** NaN where it is no reading. */
  readonly value: number;
  /** Why it is no reading; empty for a reading. */
  readonly reason: string;
}

export interface RowReader {
  /** Adds the readings of a row to `out`, or what is refused of it. */
  read(row: number, raw: unknown, out: FileRow[]): void;
}

interface Measurement {
  /** Suffix of the sensor's id; undefined where the device is the sensor. */
  readonly name: unknown;
  readonly field: string;
  readonly found: unknown;
}

/**
 * Returns the reader of rows with these fields.
 * @throws ConfigError if the rows have no field for the time, the id or any value.
 */
export function createRowReader(
  shape: FileShape,
  fields: RowFields,
  rule: FileTimeRule,
): RowReader {
  return new BoundReader(shape, fields, rule);
}

class BoundReader implements RowReader {
  private readonly shape: FileShape;
  private readonly rule: FileTimeRule;
  private readonly ids: readonly { readonly take: TakeField; readonly field: string }[];
  private readonly takeTime: TakeField;
  private readonly timeName: string;
  private readonly measurementsOf: (raw: unknown) => readonly Measurement[];
  private readonly types: readonly ValueType[];

  constructor(shape: FileShape, fields: RowFields, rule: FileTimeRule) {
    this.shape = shape;
    this.rule = rule;
    this.timeName = pathText(shape.time);
    this.takeTime = needed(fields, shape.time);
    this.ids = idsOf(shape, fields);
    this.measurementsOf = takeMeasurements(shape, fields);
    // A cell of a table is always a text.
    this.types = shape.isTable
      ? [...new Set([...shape.valueTypes, 'text' as const])]
      : shape.valueTypes;
  }

  read(row: number, raw: unknown, out: FileRow[]): void {
    const time = this.takeTime(raw);
    const device = this.deviceOf(raw);
    const measurements = this.measurementsOf(raw);
    const timestampText = textOf(time);
    const whole = { row, field: '', timestampText, timestampMs: NaN, value: NaN };
    const sensorId = device.id ?? this.shape.idDefault ?? '';
    const timestampMs = time === undefined ? 'is missing' : readFileTime(time, this.rule, sensorId);
    const reason =
      typeof timestampMs === 'string' ? `${this.timeName} ${timestampMs}` : (device.reason ?? '');
    if (reason !== '' || typeof timestampMs === 'string') {
      const valueText = textOf(measurements[0]?.found);
      out.push({ ...whole, sensorId, valueText, reason });
      return;
    }
    if (measurements.length === 0) {
      out.push({ ...whole, sensorId, valueText: '', reason: nothingThere(this.shape) });
    }
    for (const { name, field, found } of measurements) {
      const named = sensorIdOf(sensorId, name, field);
      const value = this.valueOf(found);
      const refused =
        'reason' in named ? named.reason.message : this.refusedValue(value, field, found);
      out.push({
        row,
        sensorId: 'id' in named ? named.id : sensorId,
        field,
        timestampText,
        valueText: textOf(found),
        timestampMs: refused === '' ? timestampMs : NaN,
        value: refused === '' ? value : NaN,
        reason: refused,
      });
    }
  }

  private deviceOf(raw: unknown): { readonly id?: string; readonly reason?: string } {
    const { idDefault } = this.shape;
    let id = '';
    for (const [index, { take, field }] of this.ids.entries()) {
      const found = take(raw);
      if (found === undefined && idDefault !== undefined) return { id: idDefault };
      const part = idPart(typeof found === 'bigint' ? String(found) : found, field);
      if (typeof part !== 'string') return { reason: part.message };
      id += index === 0 ? part : `/${escapedPart(part)}`;
    }
    if (this.ids.length === 0) return { id: idDefault ?? '' };
    const tooLong = deviceIdLength(id, this.ids.map(({ field }) => field).join('/'));
    return tooLong === undefined ? { id } : { id, reason: tooLong.message };
  }

  /** NaN where `found` is no number. */
  private valueOf(found: unknown): number {
    if (typeof found === 'bigint') return Number(found);
    if (typeof found !== 'string') return valueOf(found, this.types) ?? NaN;
    if (!this.types.includes('text')) return NaN;
    return textNumber(found, this.shape.decimal) ?? valueOf(found, this.types) ?? NaN;
  }

  private refusedValue(value: number, field: string, found: unknown): string {
    if (found === undefined) return `${field} is missing`;
    if (typeof found === 'string' && /^[+-]?\d+,\d+$/.test(found)) this.rule.doubts.commas += 1;
    if (!Number.isFinite(value)) return `${field} is not a number: ${printable(textOf(found))}`;
    return Math.abs(value) > valueMagnitudeMax ? `${field} is beyond ±${valueMagnitudeMax}` : '';
  }
}

/** Returns the number that a text is, in decimal notation: `1`, `-.5`, `2e-3`. */
function textNumber(text: string, decimal: FileShape['decimal']): number | undefined {
  const pointed = decimal === 'comma' && !text.includes('.') ? text.replace(',', '.') : text;
  if (decimal === 'comma' && text.includes('.')) return undefined;
  return decimalNotation.test(pointed) ? Number(pointed) : undefined;
}

const decimalNotation = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

function idsOf(
  { idFields, idDefault }: FileShape,
  fields: RowFields,
): readonly { readonly take: TakeField; readonly field: string }[] {
  return idFields.flatMap((path) => {
    const take = idDefault === undefined ? needed(fields, path) : fields.take(path);
    return take === undefined ? [] : [{ take, field: pathText(path) }];
  });
}

function takeMeasurements(
  { measurements, idFields, time }: FileShape,
  fields: RowFields,
): (raw: unknown) => readonly Measurement[] {
  switch (measurements.kind) {
    case 'one': {
      const take = needed(fields, measurements.field);
      const field = pathText(measurements.field);
      return (raw) => [{ name: undefined, field, found: take(raw) }];
    }
    case 'several': {
      const takes = measurements.fields.flatMap(({ name, field }) => {
        const take = fields.take(field);
        return take === undefined ? [] : [{ name, field: pathText(field), take }];
      });
      const [first] = measurements.fields;
      if (takes.length === 0 && first !== undefined) needed(fields, first.field);
      return (raw) =>
        present(takes.map(({ name, field, take }) => ({ name, field, found: take(raw) })));
    }
    case 'long': {
      const [take, takeName] = [
        needed(fields, measurements.field),
        needed(fields, measurements.metric),
      ];
      const [field, metric] = [pathText(measurements.field), pathText(measurements.metric)];
      return (raw) => {
        const name = takeName(raw) ?? null;
        return present([{ name, field: name === null ? metric : field, found: take(raw) }]);
      };
    }
    case 'every': {
      const members = fields.members(measurements.under);
      const taken = [...idFields, time].map((path) => pathText(path).toLowerCase());
      return (raw) => numericMembers(members(raw), measurements.under, taken);
    }
    default:
      return measurements satisfies never;
  }
}

function present(measurements: readonly Measurement[]): readonly Measurement[] {
  return measurements.filter(({ found }) => found !== undefined && found !== null);
}

function numericMembers(
  members: readonly { readonly name: string; readonly found: unknown }[],
  under: FieldPath,
  taken: readonly string[],
): readonly Measurement[] {
  return members.flatMap(({ name, found }) => {
    const field = pathText([...under, name]);
    const isNumeric =
      typeof found === 'number' ||
      typeof found === 'bigint' ||
      (typeof found === 'string' && decimalNotation.test(found.replace(',', '.')));
    return isNumeric && !taken.includes(field.toLowerCase()) ? [{ name, field, found }] : [];
  });
}

function nothingThere({ measurements }: FileShape): string {
  switch (measurements.kind) {
    case 'one':
    case 'long':
      return `${pathText(measurements.field)} is missing`;
    case 'several':
      return `none of ${measurements.fields.map(({ field }) => pathText(field)).join(', ')} is there`;
    case 'every':
      return `no numeric field under ${everyText(measurements.under)}`;
    default:
      return measurements satisfies never;
  }
}

function needed(fields: RowFields, path: FieldPath): TakeField {
  const take = fields.take(path);
  if (take !== undefined) return take;
  throw new ConfigError(
    `no column ${pathText(path)} among ${printableNames(fields.columns ?? [])}; ` +
      'name others with --time-column, --column and --sensor-column',
  );
}

export function printableNames(names: readonly string[]): string {
  const shown = names.slice(0, 20).map(printable);
  return `${shown.join(', ')}${names.length > shown.length ? ', …' : ''}`;
}

/** Returns a field as text, for people. */
export function textOf(found: unknown): string {
  switch (typeof found) {
    case 'string':
      return found;
    case 'number':
    case 'bigint':
    case 'boolean':
      return String(found);
    default:
      if (found === undefined || found === null) return '';
      if (!(found instanceof Date)) return JSON.stringify(found);
      return Number.isNaN(found.getTime()) ? 'no date' : found.toISOString();
  }
}
