// Where the readings are in a record, as the user declares it (INPUT_SCHEMA). Part of the
// semantics: another declaration reads other readings from the same log. Without one, records have
// the shape of docs/configuration.md: sensor_id, timestamp in ms, value.

/** Names of object members and indexes of array elements, outermost first. */
export type FieldPath = readonly (string | number)[];

export type TimeUnit = 'ms' | 's' | 'us' | 'ns' | 'iso';

export type ValueType = 'number' | 'text' | 'boolean';

/** One field that holds a value, and the name that its sensor ends with. */
export interface ValueField {
  readonly name: string;
  readonly field: FieldPath;
}

export type Measurements =
  /** One value a record; its sensor is the device itself. */
  | { readonly kind: 'one'; readonly field: FieldPath }
  /** Each its own sensor, `<device>/<name>`. */
  | { readonly kind: 'several'; readonly fields: readonly ValueField[] }
  /** Every numeric member of the object at `under`, `<device>/<member>`. */
  | { readonly kind: 'every'; readonly under: FieldPath }
  /** One value a record, named by another field: `<device>/<metric>`. */
  | { readonly kind: 'long'; readonly metric: FieldPath; readonly field: FieldPath };

export interface InputDeclaration {
  /**
   * Content of a record: one JSON object, one per line, or an array of them; or one object of a
   * schema that the record names by its id in a registry.
   */
  readonly format: 'json' | 'json-lines' | 'json-array' | 'registry';
  /** The fields whose values, joined by `/`, are the device id; or the record's key. */
  readonly id: readonly FieldPath[] | 'key';
  /** The field of the event time, or the record's own timestamp. */
  readonly time: FieldPath | 'record';
  readonly timeUnit: TimeUnit;
  /** Offset from UTC of ISO texts that name no zone, in minutes; without it they are refused. */
  readonly timeZoneMinutes?: number;
  readonly measurements: Measurements;
  /** Accepted types of a value, in the order number, text, boolean. */
  readonly valueTypes: readonly ValueType[];
}

/** The words of a declaration for what is no field: the record's key and its timestamp. */
export const keyWord = '$key';
export const timeWord = '$time';

const plainName = /^[^.[\]"*\s$][^.[\]"*\s]*$/;

/** Returns a path as one writes it: `payload.readings[0].value`, `tags["host name"]`. */
export function pathText(path: FieldPath): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (!plainName.test(step)) text += `[${JSON.stringify(step)}]`;
    else text += text === '' ? step : `.${step}`;
  }
  return text;
}

const step = /^(?:\[(0|[1-9]\d{0,3})\]|\[("(?:[^"\\]|\\.)*")\]|(\.?)([^.[\]"*\s]+))/;

/** Returns the path that `text` names; undefined where it names none. Inverse of `pathText`. */
export function parsePath(text: string): FieldPath | undefined {
  const path: (string | number)[] = [];
  let rest = text;
  while (rest !== '') {
    const [whole, index, quoted, dot, name] = step.exec(rest) ?? [];
    if (whole === undefined) return undefined;
    rest = rest.slice(whole.length);
    if (index !== undefined) path.push(Number(index));
    else if (quoted !== undefined) {
      const unquoted = unquote(quoted);
      if (unquoted === undefined) return undefined;
      path.push(unquoted);
    } else {
      if ((dot === '.') === (path.length === 0)) return undefined;
      path.push(name ?? '');
    }
  }
  const first = path[0];
  if (path.length === 0 || path.length > stepsMax) return undefined;
  return typeof first === 'string' && text.startsWith('$') ? undefined : path;
}

const stepsMax = 16;

function unquote(text: string): string | undefined {
  try {
    return JSON.parse(text) as string;
  } catch {
    // An escape that JSON does not know.
    return undefined;
  }
}

/**
 * Returns the declaration as text in which neither formatting nor the order of its settings shows:
 * two declarations that read the same have the same text.
 */
export function canonicalDeclaration(declaration: InputDeclaration): string {
  const { format, id, time, timeUnit, timeZoneMinutes, measurements, valueTypes } = declaration;
  return JSON.stringify({
    format,
    id: id === 'key' ? keyWord : id.map(pathText),
    time: time === 'record' ? timeWord : pathText(time),
    ...(time === 'record' ? {} : { time_unit: timeUnit }),
    ...(timeZoneMinutes === undefined || timeUnit !== 'iso' ? {} : { time_zone: timeZoneMinutes }),
    ...measurementsText(measurements),
    value_types: valueTypes,
  });
}

function measurementsText(measurements: Measurements): Readonly<Record<string, unknown>> {
  switch (measurements.kind) {
    case 'one':
      return { value: pathText(measurements.field) };
    case 'several':
      // Pairs: the order decides in which order sensors are first seen.
      return { values: measurements.fields.map(({ name, field }) => [name, pathText(field)]) };
    case 'every':
      return { values: everyText(measurements.under) };
    case 'long':
      return { metric: pathText(measurements.metric), value: pathText(measurements.field) };
    default:
      return measurements satisfies never;
  }
}

/** Returns how one writes "every numeric member of the object at `under`". */
export function everyText(under: FieldPath): string {
  return under.length === 0 ? '*' : `${pathText(under)}.*`;
}

const escapes: Readonly<Record<string, string>> = { '%': '%25', '/': '%2F' };

/**
 * Returns a part of a sensor id behind its first, so that no part holds the `/` that joins them.
 * The first part stays as it is. Read from the right, an id thus has one decomposition: two
 * different tuples never give one id.
 */
export function escapedPart(part: string): string {
  return part.replace(/[%/]/g, (character) => escapes[character] ?? character);
}

const unescapes: Readonly<Record<string, string>> = { '%25': '%', '%2F': '/' };

/** Returns the part that `escapedPart` made `part` of. */
export function unescapedPart(part: string): string {
  return part.replace(/%2[5F]/g, (escape) => unescapes[escape] ?? escape);
}

/** Returns the device of a sensor: what a record of it is keyed by. */
export function deviceOf(sensorId: string, declaration: InputDeclaration | undefined): string {
  if (declaration === undefined || declaration.measurements.kind === 'one') return sensorId;
  return sensorId.slice(0, Math.max(0, sensorId.lastIndexOf('/')));
}

/** Returns the fields of a declaration, as one writes them, for messages. */
export function declaredFields(declaration: InputDeclaration): {
  readonly id: string;
  readonly time: string;
  readonly values: string;
} {
  const { id, time, measurements } = declaration;
  return {
    id: id === 'key' ? "the record's key" : id.map(pathText).join('/'),
    time: time === 'record' ? "the record's timestamp" : pathText(time),
    values: valuesText(measurements),
  };
}

function valuesText(measurements: Measurements): string {
  switch (measurements.kind) {
    case 'one':
    case 'long':
      return pathText(measurements.field);
    case 'several':
      return measurements.fields.map(({ field }) => pathText(field)).join(', ');
    case 'every':
      return everyText(measurements.under);
    default:
      return measurements satisfies never;
  }
}

/** Returns the minutes that a zone is ahead of UTC: `Z`, `+02:00`, `-0530`, `+02`. */
export function zoneMinutes(zone: string): number | undefined {
  if (zone === 'Z' || zone === 'z') return 0;
  const [, sign, hours, minutes = '0'] = /^([+-])(\d\d)(?::?(\d\d))?$/.exec(zone) ?? [];
  if (sign === undefined || Number(hours) > 18 || Number(minutes) > 59) return undefined;
  const offset = Number(hours) * 60 + Number(minutes);
  return sign === '-' ? 0 - offset : offset;
}
