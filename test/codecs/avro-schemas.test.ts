import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  alarmEventSchema,
  anomalySchema,
  featureRowSchema,
  readingSchema,
  sensorEventSchema,
} from '../../src/codecs/avro-schemas.ts';

describe('the checked-in schemas', () => {
  it.each([
    ['raw_reading.avsc', readingSchema],
    ['sensor_features.avsc', featureRowSchema],
    ['sensor_anomalies.avsc', anomalySchema],
    ['sensor_events.avsc', sensorEventSchema],
    ['sensor_alarms.avsc', alarmEventSchema],
  ])('%s is the one the program uses', (file, schema) => {
    const text = readFileSync(new URL(`../../avro/${file}`, import.meta.url), 'utf8');

    expect(JSON.parse(text)).toEqual(schema);
  });
});
