// A reading → a record of the declared shape, with nothing but what the declaration reads: the
// inverse of input-reader.ts, for programs that produce readings.
import { ConfigError } from '../errors.ts';
import {
  declaredFields,
  deviceOf,
  escapedPart,
  unescapedPart,
  type FieldPath,
  type InputDeclaration,
} from '../sensors/input-declaration.ts';
import type { ProducedReading } from './reading-encoder.ts';
import { inTimeUnit } from './schema-time.ts';

export interface DeclaredRecord {
  /** The device id: a record keyed by it is folded where it lies. */
  readonly key: string;
  readonly value: string;
  /** The record's own time, ms; undefined where the time is a field. */
  readonly timestampMs: number | undefined;
}

/**
 * Returns the record of a reading.
 * @throws ConfigError where the declaration reads no such sensor.
 */
export function declaredRecord(
  reading: ProducedReading,
  declaration: InputDeclaration,
): DeclaredRecord {
  const { format, time, timeUnit } = declaration;
  const { sensor_id: sensorId, timestamp } = reading;
  const key = deviceOf(sensorId, declaration);
  const fields = emptyObject();
  for (const [path, part] of idFields(key, declaration)) setAt(fields, path, part);
  if (time !== 'record') setAt(fields, time, inTimeUnit(timestamp, 'ms', timeUnit));
  setMeasurement(fields, declaration, reading);
  const text = JSON.stringify(fields);
  return {
    key,
    value: format === 'json-array' ? `[${text}]` : text,
    timestampMs: time === 'record' ? timestamp : undefined,
  };
}

/** Returns the id of a sensor that the declaration reads, by the name of its device. */
export function declaredSensorId(
  device: string,
  index: number,
  { id, measurements }: InputDeclaration,
): string {
  const above = id === 'key' ? [] : id.slice(1).map((_, part) => `site_${part + 1}`);
  const deviceId = [...above, device].join('/');
  switch (measurements.kind) {
    case 'one':
      return deviceId;
    case 'several': {
      const { fields } = measurements;
      return `${deviceId}/${escapedPart(fields[index % fields.length]?.name ?? '')}`;
    }
    case 'every':
    case 'long':
      return `${deviceId}/temperature`;
    default:
      return measurements satisfies never;
  }
}

/** The first part of an id is written as it is, and may hold a `/`. */
function idFields(
  deviceId: string,
  declaration: InputDeclaration,
): readonly (readonly [FieldPath, string])[] {
  const { id } = declaration;
  if (id === 'key') return [];
  const parts = deviceId.split('/');
  const first = parts.slice(0, parts.length - id.length + 1).join('/');
  if (first === '') throw noSensor(deviceId, declaration);
  const rest = parts.slice(parts.length - id.length + 1).map(unescapedPart);
  return id.map((path, index) => [path, index === 0 ? first : (rest[index - 1] ?? '')]);
}

function setMeasurement(
  fields: object,
  declaration: InputDeclaration,
  { sensor_id: sensorId, value: number }: ProducedReading,
): void {
  const { measurements } = declaration;
  const name = unescapedPart(sensorId.slice(sensorId.lastIndexOf('/') + 1));
  const value = writtenValue(number, declaration);
  switch (measurements.kind) {
    case 'one':
      return setAt(fields, measurements.field, value);
    case 'several': {
      const found = measurements.fields.find((field) => field.name === name);
      if (found === undefined) throw noSensor(sensorId, declaration);
      return setAt(fields, found.field, value);
    }
    case 'every':
      return setAt(fields, [...measurements.under, name], value);
    case 'long':
      setAt(fields, measurements.metric, name);
      return setAt(fields, measurements.field, value);
    default:
      measurements satisfies never;
  }
}

function writtenValue(value: number, { valueTypes }: InputDeclaration): number | string | boolean {
  if (valueTypes.includes('number')) return value;
  if (valueTypes.includes('text')) return String(value);
  if (value === 0 || value === 1) return value === 1;
  throw new ConfigError(`INPUT_SCHEMA reads booleans only, got the value ${value}`);
}

function noSensor(sensorId: string, declaration: InputDeclaration): ConfigError {
  const { id, values } = declaredFields(declaration);
  return new ConfigError(
    `expected the id of a sensor that INPUT_SCHEMA reads, from ${id} and ${values}, got ` +
      JSON.stringify(sensorId),
  );
}

/** Without a prototype: a field may be named `__proto__`. */
function emptyObject(): object {
  return Object.create(null) as object;
}

/** Puts `value` at `path`, and the objects and arrays that lead there. */
export function setAt(fields: object, path: FieldPath, value: unknown): void {
  const [step, ...rest] = path;
  if (step === undefined) return;
  const at = fields as Record<string | number, unknown>;
  if (rest.length === 0) {
    at[step] = value;
    return;
  }
  const inner = Object.hasOwn(at, step) ? at[step] : undefined;
  const next =
    typeof inner === 'object' && inner !== null
      ? inner
      : typeof rest[0] === 'number'
        ? []
        : emptyObject();
  at[step] = next;
  setAt(next, rest, value);
}
