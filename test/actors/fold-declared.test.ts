import { describe, expect, it } from 'vitest';

import { defaultSemantics } from '../../property-tests/arbitraries/settings.ts';
import { simulatedTopics as topics } from '../../property-tests/simulation/simulated-process.ts';
import { createBatchFolder } from '../../src/actors/fold-batch.ts';
import { createOutbox } from '../../src/actors/outbox.ts';
import { emptyMemory, type ShardMemory, type ShardRole } from '../../src/actors/shard-memory.ts';
import { cutRecord } from '../../src/codecs/cut-record.ts';
import { restoreDeadLetter } from '../../src/codecs/dead-letter.ts';
import { parseInputSchema } from '../../src/config/input-schema.ts';
import type { OutputRecord } from '../../src/records/record.ts';
import { encodeRecordBatch } from '../../src/log/record-batch-encoder.ts';
import { recordCursor } from '../../src/log/record-batch.ts';
import type { Semantics } from '../../src/sensors/shard-state.ts';

const minute = 60_000;
const startMs = Date.UTC(2026, 0, 31);
const declared = 'id: d\ntime: t\nvalues: [temp, hum]';

function semanticsOf(declaration: string, settings: Partial<Semantics> = {}): Semantics {
  const parsed = parseInputSchema(declaration);
  if ('problems' in parsed) throw new Error(parsed.problems.join('\n'));
  return { ...defaultSemantics, input: parsed.declaration, ...settings };
}

interface Folded {
  readonly memory: ShardMemory;
  readonly readings: number;
  readonly outputs: readonly OutputRecord[];
}

function foldOf(
  records: readonly Omit<OutputRecord, 'topic'>[],
  semantics: Semantics,
  role: ShardRole = 'source',
): Folded {
  const topic = role === 'source' ? topics.input : topics.rekeyed;
  const bytes = encodeRecordBatch(
    records.map((record) => ({ topic, timestampMs: startMs, ...record })),
    { baseOffset: 0, timestampMs: startMs },
  );
  const outbox = createOutbox({
    featureRow: () => ({ topic: topics.output, key: null, value: null }),
    anomaly: () => undefined,
  });
  const shard = { topic, partition: 0 };
  const folder = createBatchFolder({
    shard,
    topics,
    semantics,
    forwarding: { partitions: 1, clock: `0/1/${startMs}` },
    outbox,
  });
  const cursor = recordCursor(bytes);
  cursor.next();
  const memory = emptyMemory(role, semantics, 0);
  folder.fold(memory, cursor, Infinity);
  const { readings, records: outputs } = outbox.take();
  return { memory, readings, outputs: [...outputs] };
}

const record = (
  fields: Readonly<Record<string, unknown>>,
  key: string | null = 'x',
): Omit<OutputRecord, 'topic'> => ({
  key: key === null ? null : Buffer.from(key),
  value: Buffer.from(JSON.stringify({ d: 'x', t: startMs, ...fields })),
});

/** `topic key headers` of outputs, the headers that matter. */
const told = ({ topic, key, headers = [] }: OutputRecord): Record<string, string | null> => ({
  topic,
  key: key === null ? null : Buffer.from(key).toString(),
  ...Object.fromEntries(
    headers.map(({ key: name, value }) => [name, Buffer.from(value ?? []).toString()]),
  ),
});

const putBack = ({ key, value, headers = [] }: OutputRecord): OutputRecord =>
  restoreDeadLetter({ key, value, headers }).record;

const sensors = ({ memory }: Folded): string[] =>
  memory.state.sensorIds(10).map((id) => {
    const window = memory.state.inspect(id)?.open_windows[0];
    return `${id} ${window?.count} ${window?.avg_value}`;
  });

describe('a record of a declared shape', () => {
  it('keyed by its device is folded where it is, all its sensors in one position', () => {
    const folded = foldOf([record({ temp: 1, hum: 2 }), record({ hum: 4 })], semanticsOf(declared));

    expect(sensors(folded)).toEqual(['x/temp 1 1', 'x/hum 2 3']);
    expect(folded.readings).toBe(3);
    expect(folded.memory.position).toBe(2);
    expect(folded.outputs).toEqual([]);
  });

  it('is not read by the fields that only the default shape has', () => {
    const plain = { sensor_id: 'x', timestamp: startMs, value: 1 };
    const folded = foldOf(
      [{ key: Buffer.from('x'), value: Buffer.from(JSON.stringify(plain)) }],
      semanticsOf(declared),
    );

    expect(folded.readings).toBe(0);
    expect(folded.outputs.map(told)).toMatchObject([
      { 'dlq.reason': 'sensor_id_missing', 'dlq.message': 'd is missing' },
    ]);
  });

  it('is one dead letter that names all its bad fields, and those beside them are folded', () => {
    const folded = foldOf(
      [record({ temp: 'warm', hum: 2 }), record({ temp: 'warm', hum: [] })],
      semanticsOf(declared),
    );

    expect(sensors(folded)).toEqual(['x/hum 1 2']);
    expect(folded.outputs.map(told)).toMatchObject([
      {
        topic: topics.deadLetters,
        'dlq.reason': 'value_type',
        'dlq.message': 'expected temp to be a number, got the string "warm"',
        'dlq.fields': '["temp"]',
      },
      {
        'dlq.reason': 'value_type',
        'dlq.message':
          'expected temp to be a number, got the string "warm"; ' +
          'expected hum to be a number, got an array',
      },
    ]);
    expect(told(folded.outputs[1] as OutputRecord)).not.toHaveProperty('dlq.fields');
  });

  it('that is late is one dead letter which names what is late', () => {
    const later = { t: startMs + 3 * minute };
    const folded = foldOf(
      [record({ temp: 1, hum: 2, ...later }), record({ temp: 1, hum: 2 })],
      semanticsOf(declared, { fastClocks: 'lead' }),
    );

    const [letter] = folded.outputs.filter(({ topic }) => topic === topics.deadLetters).map(told);
    expect(letter).toMatchObject({ 'dlq.reason': 'late' });
    expect(letter?.['dlq.message']).toMatch(/^temp, hum: timestamp \d+ belongs to the window/);
  });

  it('put back from its dead letter folds no sibling twice', () => {
    const [letter] = foldOf([record({ temp: '21.5', hum: 2 })], semanticsOf(declared)).outputs;
    const again = putBack(letter as OutputRecord);

    const cured = semanticsOf(`${declared}\nvalue_types: [number, text]`);
    expect(sensors(foldOf([again], cured))).toEqual(['x/temp 1 21.5']);
    const still = foldOf([again], semanticsOf(declared)).outputs.map(told);
    expect(still).toMatchObject([{ 'dlq.reason': 'value_type', 'dlq.fields': '["temp"]' }]);
  });
});

describe('a record of a declared shape that has another key', () => {
  it('is forwarded whole, once, keyed by its device, and read there by the same declaration', () => {
    const semantics = semanticsOf(declared);
    const source = foldOf([record({ temp: 1, hum: 'wet', note: 'n' }, null)], semantics);

    expect(source.readings).toBe(0);
    expect(source.outputs.map(told)).toMatchObject([
      { topic: topics.rekeyed, key: 'x', 'rekey.source': `0/1/${startMs}` },
    ]);

    const rekeyed = foldOf(source.outputs, semantics, 'rekeyed');
    expect(sensors(rekeyed)).toEqual(['x/temp 1 1']);
    expect(rekeyed.outputs.map(told)).toMatchObject([
      { 'dlq.reason': 'value_type', 'dlq.fields': '["hum"]', 'dlq.topic': topics.input },
    ]);
    expect(
      rekeyed.outputs.flatMap(({ headers = [] }) => headers.map(({ key }) => key)),
    ).not.toEqual(expect.arrayContaining([expect.stringMatching(/^rekey\./)]));
  });

  it('keeps the time at which it first entered the log', () => {
    const semantics = semanticsOf('id: d\ntime: $time\nvalue: temp');
    const source = foldOf([record({ temp: 1 }, 'other')], semantics);

    const later = source.outputs.map((output) => ({ ...output, timestampMs: startMs + minute }));
    const { memory } = foldOf(later, semantics, 'rekeyed');

    expect(memory.state.inspect('x')?.open_windows).toMatchObject([{ window_start: startMs }]);
  });

  it('reads the same where its topic does not take it whole', () => {
    const semantics = semanticsOf('id: [d, p.n]\ntime: t\nvalues: [temp, "p.list[1]"]');
    const long = { temp: 1, p: { list: ['-', 3], n: 7 }, filler: 'f'.repeat(5_000) };
    const [forward] = foldOf([record(long)], semantics).outputs as [OutputRecord];

    const cut = cutRecord(forward, 1_000);

    expect(cut.value?.length).toBeLessThan(200);
    expect(sensors(foldOf([cut], semantics, 'rekeyed'))).toEqual([
      'x/7/temp 1 1',
      'x/7/p.list[1] 1 3',
    ]);
  });

  it('goes to each device of its entries by itself', () => {
    const semantics = semanticsOf('format: json-array\nid: d\ntime: t\nvalues: [temp, hum]');
    const entry = (d: string, temp: unknown): object => ({ d, t: startMs, temp, hum: 5 });
    const value = Buffer.from(JSON.stringify([entry('x', 1), entry('y', 2), entry('z', '2.5')]));

    const source = foldOf([{ key: Buffer.from('x'), value }], semantics);
    expect(sensors(source)).toEqual(['x/temp 1 1', 'x/hum 1 5']);
    expect(source.outputs.map(told)).toMatchObject([{ key: 'y' }, { key: 'z' }]);

    const rekeyed = foldOf(source.outputs, semantics, 'rekeyed');
    expect(sensors(rekeyed)).toEqual(['y/temp 1 2', 'y/hum 1 5', 'z/hum 1 5']);
    const [letter] = rekeyed.outputs as [OutputRecord];
    expect(told(letter)).toMatchObject({ 'dlq.fields': '["[0].temp"]' });

    const again = putBack(letter);
    const cured = semanticsOf(
      'format: json-array\nid: d\ntime: t\nvalues: [temp, hum]\nvalue_types: [number, text]',
    );
    const outputs = foldOf([again], cured).outputs;
    expect(outputs.map(told)).toMatchObject([{ key: 'z', 'dlq.fields': '["[0].temp"]' }]);
  });
});
