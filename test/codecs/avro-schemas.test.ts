import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { anomalySchema, featureRowSchema, readingSchema } from '../../src/codecs/avro-schemas.ts';

describe('the checked-in schemas', () => {
  it.each([
    ['raw_reading.avsc', readingSchema],
    ['sensor_features.avsc', featureRowSchema],
    ['sensor_anomalies.avsc', anomalySchema],
  ])('%s is the one the program uses', (file, schema) => {
    const text = readFileSync(new URL(`../../avro/${file}`, import.meta.url), 'utf8');

    expect(JSON.parse(text)).toEqual(schema);
  });
});
