// The Avro schemas as the program uses them. avro/*.avsc hold the same for other programs: `npm run
// generate` writes the two of outputs, and tests keep them alike. A new field needs a default, at
// the end, and a reader that still takes the old bytes.

import type { Schema } from 'avsc';
import { allFeatures } from '../sensors/features.ts';

/** A reading of topic raw_readings; avro/raw_reading.avsc. */
export const readingSchema: Schema = {
  type: 'record',
  name: 'RawReading',
  namespace: 'sensorium',
  doc: 'One reading of one sensor.',
  fields: [
    { name: 'sensor_id', type: 'string', doc: '1 to 256 bytes of UTF-8' },
    { name: 'timestamp', type: 'long', doc: 'Event time, ms since 1970-01-01T00:00:00Z' },
    { name: 'value', type: 'double', doc: 'Finite, within ±1e150' },
  ],
};

/** A feature row of topic sensor_features; avro/sensor_features.avsc. */
export const featureRowSchema: Schema = {
  type: 'record',
  name: 'SensorFeatures',
  namespace: 'sensorium',
  doc: 'The features of one closed window of one sensor.',
  fields: [
    { name: 'sensor_id', type: 'string' },
    { name: 'window_start', type: 'long', doc: 'ms since 1970, inclusive' },
    { name: 'window_end', type: 'long', doc: 'ms since 1970, exclusive' },
    { name: 'event_time', type: 'string', doc: 'ISO 8601 of window_end' },
    {
      name: 'features',
      type: { type: 'map', values: 'double' },
      doc:
        'By feature name; FEATURES selects them, so they are no fields of the schema. Int64 ones are whole: ' +
        allFeatures.map(({ name, type, unit }) => `${name} (${type}, ${unit})`).join(', '),
    },
    {
      name: 'lineage',
      type: {
        type: 'record',
        name: 'Lineage',
        doc: 'The input the window was folded from.',
        fields: [
          { name: 'topic', type: 'string' },
          { name: 'partition', type: 'int' },
          { name: 'first_offset', type: 'long' },
          { name: 'last_offset', type: 'long' },
        ],
      },
    },
  ],
};

/** A flagged reading of topic sensor_anomalies; avro/sensor_anomalies.avsc. */
export const anomalySchema: Schema = {
  type: 'record',
  name: 'SensorAnomaly',
  namespace: 'sensorium',
  doc: 'One reading that was flagged, and why.',
  fields: [
    { name: 'sensor_id', type: 'string' },
    { name: 'timestamp', type: 'long', doc: 'Event time, ms since 1970-01-01T00:00:00Z' },
    { name: 'value', type: 'double' },
    {
      name: 'z',
      type: 'double',
      doc: 'Deviation from the baseline in standard deviations, with its sign',
    },
    {
      name: 'score',
      type: 'double',
      doc: 'Alarm score, an alarm from 3 on; 0 with BASELINE=cumulative',
    },
    { name: 'alarm', type: 'boolean' },
    {
      name: 'baseline',
      type: {
        type: 'record',
        name: 'Baseline',
        doc: 'The sensor’s baseline before this reading: what z was computed against.',
        fields: [
          { name: 'mean', type: 'double' },
          { name: 'std_dev', type: 'double' },
          { name: 'n', type: 'long', doc: 'Readings it has learned' },
        ],
      },
    },
  ],
};
