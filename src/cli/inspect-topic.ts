// `inspect --topic`: what a topic's records look like, and the declaration that would read them.
import { proposeInput, type InputProposal, type SampledRecord } from '../codecs/input-proposal.ts';
import { readConfluentSchemaId } from '../codecs/confluent.ts';
import { createInputReader, type InputReader } from '../codecs/input-reader.ts';
import { inputRecord } from '../codecs/input-record.ts';
import { decodeReading } from '../codecs/reading-decoder.ts';
import { entriesIn } from '../codecs/record-entries.ts';
import { noSchemas, type WriterSchemas } from '../codecs/writer-schema.ts';
import type { Config } from '../config/config.ts';
import { declarationYaml } from '../config/input-schema.ts';
import { ConfigError } from '../errors.ts';
import type { EventLog } from '../log/event-log.ts';
import { loadSchema } from '../past/missing-schema.ts';
import { partitionsOf } from '../records/partitioning.ts';
import { openSchemas } from '../registry/open.ts';
import type { InputDeclaration } from '../sensors/input-declaration.ts';
import { emptyReading } from '../sensors/reading.ts';
import { readConfig, withLog } from './command.ts';
import { printData, printLine, type CliContext } from './context.ts';

const recordsMax = 1_000;
const sensorsShown = 5;
const reasonsShown = 5;

/** Samples the topic, newest records first, and prints what would read it. */
export async function inspectTopic(
  topic: string,
  flags: { readonly json?: true },
  context: CliContext,
): Promise<void> {
  const config = readConfig(context);
  const { maxAheadMs, input } = config.semantics;
  const sample = await withLog({ config, context, name: 'inspect', access: 'read' }, (log) =>
    sampleOf(log, topic),
  );
  if (sample.length === 0) throw new ConfigError(`topic ${topic} holds no records`);
  const plain = sample.filter(isPlainReading).length;
  if (input === undefined && plain >= sample.length / 2) {
    printLine(context.err, `${plain} of ${sample.length} records have the default shape`);
    printLine(context.out, 'no INPUT_SCHEMA is needed: sensor_id, timestamp in ms and value');
    return;
  }
  const proposal =
    input === undefined
      ? await proposalFor(sample, config, context)
      : { declaration: input, notes: [] };
  if (proposal === undefined) {
    throw new ConfigError(
      `none of ${sample.length} records of ${topic} is JSON with a number in it, so there is ` +
        'nothing to propose; docs/inputs.md says what can be declared. Records of a schema ' +
        'registry need SCHEMA_REGISTRY_URL',
    );
  }
  const schemas = await schemasOf(sample, proposal.declaration, config, context);
  const reader = createInputReader(proposal.declaration, maxAheadMs, schemas);
  const outcome = outcomeOf(reader, sample);
  const yaml = declarationYaml(proposal.declaration);
  if (flags.json === true) {
    printLine(context.out, JSON.stringify({ topic, declaration: yaml, ...outcome }));
    return;
  }
  const source = input === undefined ? 'proposed from' : 'INPUT_SCHEMA, tried on';
  printLine(context.out, `# ${source} ${sample.length} records of ${topic}`);
  printLine(
    context.out,
    `# reads ${outcome.read} of them whole (${shareText(outcome.read, sample.length)})`,
  );
  printLine(context.out, `# sensors: ${outcome.sensors.join(', ')}`);
  for (const note of proposal.notes) printLine(context.out, `# note: ${note}`);
  for (const { message, records } of outcome.refused) {
    printLine(context.out, `# refused in ${records}: ${message}`);
  }
  printData(context.out, yaml);
}

async function sampleOf(log: EventLog, topic: string): Promise<readonly SampledRecord[]> {
  const description = await log.describeTopic(topic);
  if (description === undefined) throw new ConfigError(`topic ${topic} does not exist`);
  const each = Math.ceil(recordsMax / description.partitions);
  const sample: SampledRecord[] = [];
  for (const place of partitionsOf(topic, description.partitions)) {
    const { earliest, end } = await log.offsets(place);
    for await (const batch of log.read({ ...place, from: Math.max(earliest, end - each) })) {
      for (const record = batch.records(); record.next();) {
        const { bytes, keyStart, keyEnd, valueStart, valueEnd, timestampMs } = record;
        if (valueStart < 0) continue;
        sample.push({
          key: keyStart < 0 ? null : Buffer.from(bytes.subarray(keyStart, keyEnd)).toString(),
          value: new Uint8Array(bytes.subarray(valueStart, valueEnd)),
          timestampMs,
        });
      }
    }
  }
  return sample;
}

/**
 * Returns a declaration for the sample. One for registered records is found from their objects, as
 * if these were JSON.
 */
async function proposalFor(
  sample: readonly SampledRecord[],
  config: Config,
  context: CliContext,
): Promise<InputProposal | undefined> {
  const framed = sample.filter(({ value }) => schemaIdIn(value) >= 0).length;
  if (config.process.registry === undefined || framed < sample.length / 2) {
    return proposeInput(sample);
  }
  const input = { format: 'registry', timeUnit: 'ms' } as const;
  const schemas = await schemasOf(sample, input, config, context);
  const objects = sample.flatMap((record): SampledRecord[] => {
    const whole = { bytes: record.value, valueStart: 0, valueEnd: record.value.length };
    const [found] = entriesIn(whole, input.format, schemas).entries;
    if (found === undefined) return [];
    return [{ ...record, value: Buffer.from(JSON.stringify(found.value)) }];
  });
  const proposal = objects.length === 0 ? undefined : proposeInput(objects);
  if (proposal === undefined) return undefined;
  return { ...proposal, declaration: { ...proposal.declaration, format: input.format } };
}

/** Returns the schemas that the sample names and the registry has. */
async function schemasOf(
  sample: readonly SampledRecord[],
  input: Pick<InputDeclaration, 'format' | 'timeUnit'>,
  { process }: Config,
  { clock }: CliContext,
): Promise<WriterSchemas> {
  const schemas = openSchemas({ process, semantics: { input } }, clock);
  if (schemas === undefined) return noSchemas;
  const ids = new Set(sample.map(({ value }) => schemaIdIn(value)).filter((id) => id >= 0));
  for (const id of ids) await loadSchema({ schemas }, id);
  return schemas;
}

function schemaIdIn(value: Uint8Array): number {
  return readConfluentSchemaId(value, 0, value.length);
}

function isPlainReading({ value }: SampledRecord): boolean {
  return decodeReading(value, 0, value.length, emptyReading()) === null;
}

interface Outcome {
  readonly records: number;
  /** Records of which nothing is refused. */
  readonly read: number;
  readonly readings: number;
  readonly sensors: readonly string[];
  readonly refused: readonly { readonly message: string; readonly records: number }[];
}

function outcomeOf(reader: InputReader, sample: readonly SampledRecord[]): Outcome {
  const sensors = new Set<string>();
  const refused = new Map<string, number>();
  let read = 0;
  let readings = 0;
  for (const record of sample) {
    const found = reader.read(inputRecord(record));
    const measured = found.entries.flatMap((entry) => entry.measured);
    const refusals = [...found.entries.flatMap((entry) => entry.refusals), ...found.refusals];
    for (const { sensorId } of measured) {
      if (sensors.size < sensorsShown) sensors.add(sensorId);
    }
    readings += measured.length;
    if (refusals.length === 0) read += 1;
    const messages = new Set(refusals.map(({ reason }) => reason.message));
    for (const message of messages) refused.set(message, (refused.get(message) ?? 0) + 1);
  }
  const reasons = [...refused].map(([message, records]) => ({ message, records }));
  return {
    records: sample.length,
    read,
    readings,
    sensors: [...sensors],
    refused: reasons.sort((a, b) => b.records - a.records).slice(0, reasonsShown),
  };
}

function shareText(part: number, whole: number): string {
  return `${Math.floor((100 * part) / whole)} %`;
}
