// `inspect --topic`: what a topic's records look like, and the declaration that would read them.
import { proposeInput, type InputProposal, type SampledRecord } from '../codecs/input-proposal.ts';
import { createInputReader, type InputReader } from '../codecs/input-reader.ts';
import { decodeReading } from '../codecs/reading-decoder.ts';
import { declarationYaml } from '../config/input-schema.ts';
import { ConfigError } from '../errors.ts';
import type { EventLog } from '../log/event-log.ts';
import { partitionsOf } from '../records/partitioning.ts';
import { emptyReading } from '../sensors/reading.ts';
import { readConfig, withLog } from './command.ts';
import { printLine, type CliContext } from './context.ts';

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
  const proposal: InputProposal | undefined =
    input === undefined ? proposeInput(sample) : { declaration: input, notes: [] };
  if (proposal === undefined) {
    throw new ConfigError(
      `none of ${sample.length} records of ${topic} is JSON with a number in it, so there is ` +
        'nothing to propose; docs/inputs.md says what can be declared',
    );
  }
  const outcome = outcomeOf(createInputReader(proposal.declaration, maxAheadMs), sample);
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
  context.out.write(yaml);
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
  for (const { key, value, timestampMs } of sample) {
    const keyBytes = Buffer.from(key ?? '');
    const bytes = Buffer.concat([keyBytes, value]);
    const found = reader.read({
      bytes,
      keyStart: key === null ? -1 : 0,
      keyEnd: keyBytes.length,
      valueStart: keyBytes.length,
      valueEnd: bytes.length,
      timestampMs,
    });
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
