// INPUT_SCHEMA: where the readings are in a record, as YAML or JSON, in a file or in the setting
// itself. docs/inputs.md shows declarations; schemas/input.schema.json is the same for editors.
import { readFileSync } from 'node:fs';
import { parseDocument, stringify } from 'yaml';
import { z } from 'zod';

import {
  everyText,
  keyWord,
  parsePath,
  pathText,
  timeWord,
  zoneMinutes,
  type FieldPath,
  type InputDeclaration,
  type Measurements,
  type ValueType,
} from '../sensors/input-declaration.ts';

const formats = ['json', 'json-lines', 'json-array', 'registry'] as const;
const units = ['ms', 's', 'us', 'ns', 'iso'] as const;
const valueTypes = ['number', 'text', 'boolean'] as const;
const idFieldsMax = 8;
const valueFieldsMax = 1_000;

const aPath = 'a path such as temperature, payload.temp or readings[0].value';
const expectedId = `expected ${aPath}, a list of up to ${idFieldsMax} of them, or ${keyWord}`;
const expectedValues =
  'expected a list of paths, names with a path each, or path.* for every numeric field';
const everyField = /^(?:(.+)\.)?\*$/;
const field = pathOr(`expected ${aPath}`);

/** A text that is a path, or `word`. */
function pathOr(expected: string, word?: string): z.ZodString {
  return z
    .string({ error: expected })
    .refine((text) => text === word || parsePath(text) !== undefined, expected);
}

const declarationSchema = z.strictObject({
  format: z
    .enum(formats, { error: `expected one of ${formats.join(', ')}` })
    .optional()
    .describe(
      'What a record holds: one JSON object (json, the default), one a line, or an array; or one ' +
        'object of a schema in SCHEMA_REGISTRY_URL (registry): Avro, Protobuf or JSON.',
    ),
  id: z
    .union(
      [pathOr(expectedId, keyWord), z.array(field).min(1, expectedId).max(idFieldsMax, expectedId)],
      { error: expectedId },
    )
    .describe('The field of the device id, several joined by /, or $key: the record’s key.'),
  time: pathOr(`expected ${aPath}, or ${timeWord}`, timeWord).describe(
    'The field of the event time, or $time: the record’s own timestamp.',
  ),
  time_unit: z
    .enum(units, { error: `expected one of ${units.join(', ')}` })
    .optional()
    .describe(
      'Unit of the time since 1970: ms (the default), s, us, ns; or iso for ISO 8601 text.',
    ),
  time_zone: z
    .string()
    .refine((text) => zoneOf(text) !== undefined, 'expected UTC or an offset such as +02:00')
    .optional()
    .describe('Zone of ISO texts that name none: UTC or an offset. Without it they are refused.'),
  value: field.optional().describe('The field of the one value a record has.'),
  metric: field
    .optional()
    .describe('The field that names what `value` is: the sensor is <id>/<metric>.'),
  values: z
    .union(
      [
        z.string().regex(everyField, expectedValues),
        z.array(field).min(1, expectedValues).max(valueFieldsMax, expectedValues),
        z.record(z.string().min(1), field, { error: expectedValues }),
      ],
      { error: expectedValues },
    )
    .optional()
    .describe('The fields of several values; the sensor of each is <id>/<name>.'),
  value_types: z
    .array(z.enum(valueTypes, { error: `expected some of ${valueTypes.join(', ')}` }))
    .min(1)
    .optional()
    .describe(
      'What may stand for a value: number (the default), text ("21.5"), boolean (true, "on").',
    ),
});

type Written = z.infer<typeof declarationSchema>;

/** Returns the JSON Schema of a declaration, for editors. */
export function inputJsonSchema(): object {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Sensorium INPUT_SCHEMA: where the readings are in a record',
    ...z.toJSONSchema(declarationSchema, { io: 'input' }),
  };
}

/** Returns the declaration as one would write it; `parseInputSchema` reads the same from it. */
export function declarationYaml(declaration: InputDeclaration): string {
  const {
    format,
    id,
    time,
    timeUnit,
    timeZoneMinutes,
    measurements,
    valueTypes: types,
  } = declaration;
  const ids = id === 'key' ? [keyWord] : id.map(pathText);
  const isPlain = types.length === 1 && types[0] === 'number';
  return stringify({
    ...(format === 'json' ? {} : { format }),
    id: ids.length === 1 ? ids[0] : ids,
    time: time === 'record' ? timeWord : pathText(time),
    ...(time === 'record' ? {} : { time_unit: timeUnit }),
    ...(timeZoneMinutes === undefined ? {} : { time_zone: zoneText(timeZoneMinutes) }),
    ...writtenMeasurements(measurements),
    ...(isPlain ? {} : { value_types: types }),
  });
}

function writtenMeasurements(measurements: Measurements): object {
  switch (measurements.kind) {
    case 'one':
      return { value: pathText(measurements.field) };
    case 'long':
      return { metric: pathText(measurements.metric), value: pathText(measurements.field) };
    case 'every':
      return { values: everyText(measurements.under) };
    case 'several': {
      const { fields } = measurements;
      const isListed = fields.every(({ name, field: path }) => name === pathText(path));
      if (isListed) return { values: fields.map(({ name }) => name) };
      return { values: Object.fromEntries(fields.map((one) => [one.name, pathText(one.field)])) };
    }
    default:
      return measurements satisfies never;
  }
}

function zoneText(minutes: number): string {
  if (minutes === 0) return 'UTC';
  const two = (number: number): string => String(number).padStart(2, '0');
  const ahead = Math.abs(minutes);
  return `${minutes < 0 ? '-' : '+'}${two(Math.floor(ahead / 60))}:${two(ahead % 60)}`;
}

/** Returns the declaration that the setting's text makes or names, or every problem with it. */
export function readInputSchema(
  text: string | undefined,
  readText: (path: string) => string = (path) => readFileSync(path, 'utf8'),
): { readonly declaration?: InputDeclaration; readonly problems: readonly string[] } {
  if (text === undefined) return { problems: [] };
  const where = isInline(text) ? 'INPUT_SCHEMA' : `INPUT_SCHEMA ${JSON.stringify(text)}`;
  let written = text;
  if (!isInline(text)) {
    try {
      written = readText(text);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return { problems: [`${where} cannot be read: ${reason}`] };
    }
  }
  const parsed = parseInputSchema(written);
  if ('declaration' in parsed) return { declaration: parsed.declaration, problems: [] };
  return { problems: parsed.problems.map((line) => `${where}: ${line}`) };
}

/** Whether the text is a declaration itself, not the path of a file. */
function isInline(text: string): boolean {
  return text.startsWith('{') || /\n|:\s/.test(text);
}

/** Returns the declaration that `text`, YAML or JSON, makes, or every problem with it. */
export function parseInputSchema(
  text: string,
): { readonly declaration: InputDeclaration } | { readonly problems: readonly string[] } {
  const document = parseDocument(text, { prettyErrors: true });
  if (document.errors.length > 0) {
    return { problems: document.errors.map(({ message }) => message.split('\n')[0] ?? message) };
  }
  const written: unknown = document.toJS({ maxAliasCount: 0 });
  const parsed = declarationSchema.safeParse(written);
  if (!parsed.success) {
    return { problems: parsed.error.issues.flatMap((issue) => issueLines(issue, written)) };
  }
  const problems = relationProblems(parsed.data);
  return problems.length > 0 ? { problems } : { declaration: declarationOf(parsed.data) };
}

function issueLines(issue: z.core.$ZodIssue, written: unknown): readonly string[] {
  if (issue.code === 'unrecognized_keys') {
    const known = Object.keys(declarationSchema.shape).join(', ');
    return issue.keys.map((key) => `${key} is not one of its settings, which are ${known}`);
  }
  const where = issue.path.map(String).join('.');
  if (where === '') return ['expected settings such as id: device, one a line'];
  const isMissing = typeof written === 'object' && written !== null && !(where in written);
  const isWhole = issue.path.length === 1;
  return [`${where}: ${isMissing && isWhole ? `missing; ${issue.message}` : issue.message}`];
}

function relationProblems(written: Written): readonly string[] {
  const { time, time_unit: unit, time_zone: zone, value, metric, values } = written;
  const problems: string[] = [];
  if ((value === undefined) === (values === undefined)) {
    problems.push('value, values: set one of them');
  }
  if (metric !== undefined && value === undefined) problems.push('metric needs value beside it');
  if (time === timeWord && unit !== undefined) {
    problems.push(`time_unit: the time is the record's own (${timeWord}), which has no other unit`);
  }
  if (zone !== undefined && unit !== 'iso') problems.push('time_zone needs time_unit: iso');
  const names = Array.isArray(values) ? values.map((text) => pathText(pathOf(text))) : [];
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined) problems.push(`values: ${twice} is there twice`);
  if (typeof values === 'object' && Object.keys(values).length > valueFieldsMax) {
    problems.push(`values: expected at most ${valueFieldsMax}`);
  }
  if (typeof values === 'string' && everyPath(values) === undefined) {
    problems.push(`values: expected ${aPath} before the .*`);
  }
  return problems;
}

function declarationOf(written: Written): InputDeclaration {
  const { format = 'json', id, time, time_unit: timeUnit = 'ms', time_zone: zone } = written;
  const timeZoneMinutes = zone === undefined ? undefined : zoneOf(zone);
  const types: readonly ValueType[] = written.value_types ?? ['number'];
  return {
    format,
    id: id === keyWord ? 'key' : [id].flat().map(pathOf),
    time: time === timeWord ? 'record' : pathOf(time),
    timeUnit,
    ...(timeZoneMinutes === undefined ? {} : { timeZoneMinutes }),
    measurements: measurementsOf(written),
    valueTypes: valueTypes.filter((type) => types.includes(type)),
  };
}

function measurementsOf({ value, metric, values }: Written): Measurements {
  if (value !== undefined) {
    const one = pathOf(value);
    return metric === undefined
      ? { kind: 'one', field: one }
      : { kind: 'long', metric: pathOf(metric), field: one };
  }
  if (typeof values === 'string') return { kind: 'every', under: everyPath(values) ?? [] };
  if (Array.isArray(values)) {
    const paths = values.map(pathOf);
    return {
      kind: 'several',
      fields: paths.map((path) => ({ name: pathText(path), field: path })),
    };
  }
  const named = Object.entries(values ?? {});
  return { kind: 'several', fields: named.map(([name, text]) => ({ name, field: pathOf(text) })) };
}

/** Only of texts that the schema accepted. */
function pathOf(text: string): FieldPath {
  return parsePath(text) ?? [];
}

function everyPath(text: string): FieldPath | undefined {
  const [, under] = everyField.exec(text) ?? [];
  return under === undefined ? [] : parsePath(under);
}

function zoneOf(text: string): number | undefined {
  return text === 'UTC' ? 0 : zoneMinutes(text);
}
