// Cost of declared shapes beside the default one: the fold alone, in memory, in µs of CPU, round by
// round in turn, so that other work on the machine weighs on all alike.
//   nice node bench/inputs.mjs [--rounds 7]
import { parseArgs } from 'node:util';
import avro from 'avsc';
import protobuf from 'protobufjs';
import { createBatchFolder } from '../dist/actors/fold-batch.js';
import { createOutbox } from '../dist/actors/outbox.js';
import { emptyMemory } from '../dist/actors/shard-memory.js';
import { encodeConfluent } from '../dist/codecs/confluent.js';
import { writerSchema } from '../dist/codecs/writer-schema.js';
import { parseConfig } from '../dist/config/config.js';
import { encodeRecordBatch } from '../dist/log/record-batch-encoder.js';
import { recordCursor } from '../dist/log/record-batch.js';
import { topicNames } from '../dist/log/topics.js';
import { report, spread } from './result.mjs';

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    // Of the result; '' only prints it.
    name: { type: 'string', default: 'inputs' },
  },
});
const records = 50_000;
const sensors = 1_000;
const recordsPerBatch = 1_000;
const warmRounds = 3;
const startMs = Date.UTC(2026, 0, 31);

const timeOf = (index) => startMs + Math.floor(index / sensors) * 1_000;
const valueOf = (index) => 20 + Math.sin(index) * 5;
const idOf = (index) => `sensor_${String(index % sensors).padStart(4, '0')}`;

const schemaId = 7;
const avroSchema = {
  type: 'record',
  name: 'Reading',
  fields: [
    { name: 'device', type: 'string' },
    { name: 'seen', type: { type: 'long', logicalType: 'timestamp-millis' } },
    { name: 'temperature', type: ['null', 'double'] },
    { name: 'flow', type: 'float' },
    { name: 'state', type: { type: 'enum', name: 'State', symbols: ['off', 'on'] } },
    { name: 'firmware', type: 'string' },
  ],
};
const avroType = avro.Type.forSchema(avroSchema, { wrapUnions: true });
const protoSchema = `syntax = "proto3";
message Reading {
  string device = 1;
  int64 seen = 2;
  optional double temperature = 3;
  float flow = 4;
  int32 state = 5;
  string firmware = 6;
}`;
const protoType = protobuf.parse(protoSchema).root.lookupType('Reading');
const six = (i) => ({
  ...{ device: idOf(i), seen: timeOf(i), temperature: valueOf(i), flow: 0.5, firmware: '1.4.2' },
});

const eight = ['t', 'h', 'p', 'co2', 'voc', 'lux', 'db', 'bat'];
const registeredProtobuf = {
  schema: '{format: registry, id: device, time: seen, value: temperature}',
  registered: { type: 'PROTOBUF', text: protoSchema, references: [] },
  readings: 1,
  // The first message of its file.
  encode: (i) =>
    Buffer.concat([Buffer.from([0]), protoType.encode({ ...six(i), state: 1 }).finish()]),
};
const shapes = {
  default: {
    readings: 1,
    record: (i) => ({ sensor_id: idOf(i), timestamp: timeOf(i), value: valueOf(i) }),
  },
  'renamed, seconds': {
    schema: '{id: device, time: ts, time_unit: s, value: reading}',
    readings: 1,
    record: (i) => ({ device: idOf(i), ts: timeOf(i) / 1_000, reading: valueOf(i) }),
  },
  'nested one level': {
    schema: '{id: meta.device, time: ts, value: payload.temp}',
    readings: 1,
    record: (i) => ({ meta: { device: idOf(i) }, ts: timeOf(i), payload: { temp: valueOf(i) } }),
  },
  'eight values': {
    schema: `{id: device, time: ts, values: [${eight.join(', ')}]}`,
    readings: eight.length,
    record: (i) => ({
      device: idOf(i),
      ts: timeOf(i),
      ...Object.fromEntries(eight.map((name, n) => [name, valueOf(i + n)])),
    }),
  },
  'registered Avro, six fields': {
    schema: '{format: registry, id: device, time: seen, value: temperature}',
    registered: { type: 'AVRO', text: JSON.stringify(avroSchema), references: [] },
    readings: 1,
    encode: (i) =>
      avroType.toBuffer({ ...six(i), temperature: { double: valueOf(i) }, state: 'on' }),
  },
  'registered Protobuf, six fields': registeredProtobuf,
  'registered Protobuf, read as a whole': { ...registeredProtobuf, isWhole: true },
};

const prepared = [];
for (const [name, shape] of Object.entries(shapes)) {
  const { schema, registered, readings, record, encode } = shape;
  const env = {
    ...(schema === undefined ? {} : { INPUT_SCHEMA: schema }),
    ...(registered === undefined ? {} : { SCHEMA_REGISTRY_URL: 'http://localhost:8081' }),
  };
  const { semantics, process: settings } = parseConfig(env);
  const topics = topicNames(settings);
  const batches = [];
  for (let from = 0; from < records; from += recordsPerBatch) {
    const batch = Array.from({ length: recordsPerBatch }, (_, n) => ({
      topic: topics.input,
      key: Buffer.from(idOf(from + n)),
      value:
        encode === undefined
          ? Buffer.from(JSON.stringify(record(from + n)))
          : encodeConfluent(schemaId, encode(from + n)),
      timestampMs: timeOf(from + n) + 100,
    }));
    batches.push(encodeRecordBatch(batch, { baseOffset: from, timestampMs: startMs }));
  }
  const found = registered && (await writerSchema(registered, semantics.input.timeUnit));
  const reader = shape.isWhole === true ? { ...found, picker: () => undefined } : found;
  const schemas = { find: (id) => (id === schemaId ? reader : undefined) };
  prepared.push({ name, readings, semantics, topics, batches, schemas, micros: [] });
}

for (let round = -warmRounds; round < Number(flags.rounds); round += 1) {
  for (const shape of prepared) {
    const micros = foldAll(shape);
    if (round >= 0) shape.micros.push(micros);
  }
}
const measured = prepared.map(({ name, readings, micros }) => ({
  shape: name,
  readingsPerRecord: readings,
  microsPerReading: spread(micros),
}));
const workload = { records, sensors, recordsPerBatch, rounds: Number(flags.rounds) };
if (flags.name === '') process.stdout.write(`${JSON.stringify(measured, null, 2)}\n`);
else report(flags.name, { workload, measured });

/** Returns what a reading took, in µs of CPU, of all of them folded once. */
function foldAll({ semantics, topics, batches, readings, schemas }) {
  const memory = emptyMemory('source', semantics, 0);
  const outbox = createOutbox({ featureRow: () => undefined, anomaly: () => undefined });
  const shard = { topic: topics.input, partition: 0 };
  const folder = createBatchFolder({ shard, topics, semantics, outbox, schemas });
  const began = process.cpuUsage();
  for (const batch of batches) {
    const cursor = recordCursor(batch);
    cursor.next();
    folder.fold(memory, cursor, Infinity);
  }
  const { user, system } = process.cpuUsage(began);
  const folded = outbox.take().readings;
  if (folded !== records * readings) throw new Error(`${folded} readings were folded`);
  return (user + system) / folded;
}
