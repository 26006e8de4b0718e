// Proposes a declaration for records that nobody has declared: which field looks like a device id,
// which like a time and of which unit, which like values. A guess, for people to look at; how much
// of the sample it reads is counted by the reader itself.
import { isUtf8 } from 'node:buffer';
import type { FieldPath, InputDeclaration, Measurements } from '../sensors/input-declaration.ts';
import { pathText } from '../sensors/input-declaration.ts';
import { entriesOf, type JsonFormat } from './input-entries.ts';
import { fieldsOfSample, type FieldFacts } from './sample-fields.ts';

export interface SampledRecord {
  readonly key: string | null;
  readonly value: Uint8Array;
  readonly timestampMs: number;
}

export interface InputProposal {
  readonly declaration: InputDeclaration;
  /** Remarks on the proposal, for people. */
  readonly notes: readonly string[];
}

/** Returns a declaration for the sample; undefined where its records hold no JSON with values. */
export function proposeInput(sample: readonly SampledRecord[]): InputProposal | undefined {
  const format = formatOf(sample);
  const entries = sample.flatMap(({ key, value, timestampMs }) => {
    const text = isUtf8(value)
      ? Buffer.from(value)
          .toString()
          .replace(/^\ufeff/, '')
      : '';
    return entriesOf(text, format).entries.map((entry) => {
      return { key, timestampMs, value: entry.value };
    });
  });
  const fields = fieldsOfSample(entries);
  const notes: string[] = [];
  const time = timeAmong(fields);
  const id = idAmong(fields, entries, time);
  const rest = fields.filter((field) => field !== time && field !== id);
  const values = valuesAmong(rest);
  if (values === undefined) return undefined;
  if (id === undefined) notes.push('no field looks like a device id: the key of the record is it');
  if (time === undefined)
    notes.push("no field looks like a time: the record's own timestamp is it");
  const isLocal = time?.timeUnit === 'iso' && time.zoneless > 0;
  if (isLocal) notes.push('the times name no zone; UTC is a guess');
  return {
    declaration: {
      format,
      id: id === undefined ? 'key' : [id.path],
      time: time === undefined ? 'record' : time.path,
      timeUnit: time?.timeUnit ?? 'ms',
      ...(isLocal ? { timeZoneMinutes: 0 } : {}),
      ...values,
    },
    notes,
  };
}

function formatOf(sample: readonly SampledRecord[]): JsonFormat {
  const votes = { json: 0, 'json-lines': 0, 'json-array': 0 };
  for (const { value } of sample) {
    const text = Buffer.from(value.subarray(0, sampleBytesMax)).toString().trim();
    if (text.startsWith('[')) votes['json-array'] += 1;
    else if (/^\{.*\}\r?\n\{/.test(text)) votes['json-lines'] += 1;
    else votes.json += 1;
  }
  if (votes['json-array'] > votes.json) return 'json-array';
  return votes['json-lines'] > 0 && votes['json-array'] === 0 ? 'json-lines' : 'json';
}

const sampleBytesMax = 65_536;
/** A field that is less often there is not what all records have. */
const shareMin = 0.9;

const timeName = /(^|[^a-z])(time|timestamp|ts|date|datetime|at)([^a-z]|$)|time$|stamp$|_at$|^dt$/i;

function timeAmong(fields: readonly FieldFacts[]): FieldFacts | undefined {
  const candidates = fields.filter(
    ({ timeUnit, share }) => timeUnit !== undefined && share >= shareMin,
  );
  return best(candidates, ({ path, lagMs }) => {
    const named = timeName.test(lastName(path)) ? 1_000 : 0;
    // Of two times the one nearer to the record's is likely when it was measured or sent.
    return named - 10 * path.length - Math.log10(1 + Math.abs(lagMs));
  });
}

/** From the most to the least telling. */
const idNames = [
  /^sensor_?id$/i,
  /^device_?id$|^dev_?(eui|id)$/i,
  /^(device|sensor)(_?name)?$/i,
  /^(node|asset|machine|thing|unit|equipment|station|meter|tag|point|entity|client|gateway)(_?(id|name))?$/i,
  /^node_?id$|^ieee_?addr(ess)?$|^mac(_?addr(ess)?)?$|^serial(_?(no|number))?$|^eui$/i,
  /^host(name)?$|^id$|^uid$/i,
  /id$|name$/i,
];

function idAmong(
  fields: readonly FieldFacts[],
  entries: readonly { readonly key: string | null }[],
  time: FieldFacts | undefined,
): FieldFacts | undefined {
  const keyed = entries.filter(({ key }) => key !== null).length >= shareMin * entries.length;
  const candidates = fields.filter(
    (field) => field !== time && field.share >= shareMin && field.ids >= shareMin,
  );
  const found = best(candidates, ({ path, equalsKey, distinct, count, ids, numbers }) => {
    const rank = idNames.findIndex((pattern) => pattern.test(lastName(path)));
    if (equalsKey >= shareMin) return 1_000 - path.length;
    // A value of its own in each record names the record, not the device.
    if (rank < 0 || (distinct === count && count > 20 && rank > 2)) return undefined;
    if (numbers > 0 && rank === idNames.length - 1) return undefined;
    return 500 - 50 * rank - 10 * path.length + ids;
  });
  return keyed && found !== undefined && found.equalsKey < shareMin && isVague(found)
    ? undefined
    : found;
}

/** Only its ending speaks for it: the record's key is the better guess. */
function isVague({ path }: FieldFacts): boolean {
  return idNames.findIndex((pattern) => pattern.test(lastName(path))) === idNames.length - 1;
}

const metricNames =
  /^(metric|measurement|parameter|variable|quantity|property|attribute|field|channel|signal|name|type|kind|param)(_?(name|type|id))?$|^(sensor|measurement)_?type$/i;
const valueNames = /^(value|val|v|reading|measure|data|val_num|numeric_?value)$/i;
/** Numbers that count or number things. */
const counterNames =
  /^(seq|sequence|count|counter|f_?cnt|f_?port|version|offset|qos|partition|port|index|line|code|status|.*_?id|consumed_airtime|schema)$/i;

function valuesAmong(
  fields: readonly FieldFacts[],
): Pick<InputDeclaration, 'measurements' | 'valueTypes'> | undefined {
  for (const types of [['number'], ['number', 'text'], ['number', 'text', 'boolean']] as const) {
    const numeric = fields.filter((field) => {
      const fitting =
        field.numbers +
        (types.length > 1 ? field.numericTexts : 0) +
        (types.length > 2 ? field.booleans : 0);
      return fitting >= shareMin * field.count && field.timeUnit === undefined;
    });
    const telling = numeric.filter(({ path }) => !counterNames.test(lastName(path)));
    if (telling.length === 0) continue;
    return { measurements: measurementsOf(telling, fields), valueTypes: types };
  }
  return undefined;
}

function measurementsOf(
  values: readonly FieldFacts[],
  fields: readonly FieldFacts[],
): Measurements {
  const named = values.find(({ path }) => valueNames.test(lastName(path))) ?? values[0];
  if (named === undefined) throw new RangeError('expected a value');
  const metric = fields.find(
    ({ path, texts, count, distinct }) =>
      texts >= shareMin * count && distinct < count && metricNames.test(lastName(path)),
  );
  if (values.length === 1 || valueNames.test(lastName(named.path))) {
    return metric === undefined
      ? { kind: 'one', field: named.path }
      : { kind: 'long', metric: metric.path, field: named.path };
  }
  const parents = new Set(values.map(({ path }) => pathText(path.slice(0, -1))));
  const under = values[0]?.path.slice(0, -1) ?? [];
  const isNamed = values.every(({ path }) => typeof path.at(-1) === 'string');
  if (parents.size === 1 && under.length > 0 && isNamed) return { kind: 'every', under };
  const paths = values.slice(0, valuesMax).map(({ path }) => path);
  return { kind: 'several', fields: paths.map((field) => ({ name: pathText(field), field })) };
}

const valuesMax = 50;

function lastName(path: FieldPath): string {
  return path.findLast((step) => typeof step === 'string') ?? '';
}

function best(
  fields: readonly FieldFacts[],
  scoreOf: (field: FieldFacts) => number | undefined,
): FieldFacts | undefined {
  let found: FieldFacts | undefined;
  let highest = -Infinity;
  for (const field of fields) {
    const score = scoreOf(field);
    if (score === undefined || score <= highest) continue;
    found = field;
    highest = score;
  }
  return found;
}
