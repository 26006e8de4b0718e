import { describe, expect, it } from 'vitest';

import { proposeInput, type SampledRecord } from '../../src/codecs/input-proposal.ts';
import { createInputReader } from '../../src/codecs/input-reader.ts';
import { inputRecord } from '../../src/codecs/input-record.ts';
import { declarationYaml, parseInputSchema } from '../../src/config/input-schema.ts';
import {
  canonicalDeclaration,
  type InputDeclaration,
} from '../../src/sensors/input-declaration.ts';
import { readGallery } from './gallery.ts';

const gallery = readGallery();
const recordTimeMs = Date.UTC(2026, 0, 31, 10);

function declare(text: string): InputDeclaration {
  const parsed = parseInputSchema(text);
  if ('problems' in parsed) throw new Error(parsed.problems.join('\n'));
  return parsed.declaration;
}

function read(
  declaration: InputDeclaration,
  record: SampledRecord,
): { sensor: string; time: string; value: number }[] {
  const { entries, refusals } = createInputReader(declaration, 300_000).read(inputRecord(record));
  expect([...refusals, ...entries.flatMap((entry) => entry.refusals)]).toEqual([]);
  return entries.flatMap((entry) =>
    entry.measured.map((measured) => ({
      sensor: measured.sensorId,
      time: new Date(entry.timestampMs).toISOString(),
      value: measured.value,
    })),
  );
}

it('the gallery has the entries that it promises', () => {
  expect(gallery.length).toBe(12);
  expect(gallery.every(({ readings }) => readings.length > 0)).toBe(true);
});

describe.each(gallery)('$title', ({ declaration, value, key, readings }) => {
  it('is read as the page says', () => {
    const record = { key: key ?? null, value: Buffer.from(value), timestampMs: recordTimeMs };

    expect(read(declare(declaration), record)).toEqual(readings);
  });

  it('has a declaration that reads the same once it was written by the program', () => {
    const declared = declare(declaration);

    expect(canonicalDeclaration(declare(declarationYaml(declared)))).toBe(
      canonicalDeclaration(declared),
    );
  });

  it('gets a proposal that reads all of a sample, and finds the values of the page in it', () => {
    // The same devices send again and again, other values at other times.
    const sample = Array.from({ length: 40 }, (_, index): SampledRecord => {
      const later = value
        .replaceAll('1769853540', String(1_769_853_540 + index))
        .replaceAll(':59:00', `:59:${String(index).padStart(2, '0')}`);
      return {
        key: key ?? null,
        value: Buffer.from(later),
        timestampMs: recordTimeMs + 1_000 * index,
      };
    });

    const proposal = proposeInput(sample);

    const found = sample.map((record) => read(proposal?.declaration as InputDeclaration, record));
    expect(found.every((all) => all.length > 0)).toBe(true);
    const values = found[0]?.map((one) => `${one.time} ${one.value}`);
    expect(values).toEqual(
      expect.arrayContaining(
        readings
          .filter((one) => !one.sensor.endsWith('/state'))
          .map((one) => `${one.time} ${one.value}`),
      ),
    );
  });
});
