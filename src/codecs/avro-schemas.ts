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

const baselineSchema: Schema = {
  type: 'record',
  name: 'Baseline',
  doc: 'The sensor’s baseline before this reading: what z was computed against.',
  fields: [
    { name: 'mean', type: 'double' },
    { name: 'std_dev', type: 'double' },
    { name: 'n', type: 'long', doc: 'Readings it has learned' },
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
    { name: 'baseline', type: baselineSchema },
  ],
};

const orNull = (type: Schema): Schema => ['null', type] as Schema;

const eventFields: Schema[] = [
  {
    name: 'version',
    type: 'int',
    doc: 'Always 0: its one zero byte begins no record of sensor_anomalies.avsc',
  },
  { name: 'kind', type: 'string', doc: 'reading, offline, online, stuck or moving' },
  { name: 'sensor_id', type: 'string' },
  { name: 'timestamp', type: 'long', doc: 'Event time, ms since 1970-01-01T00:00:00Z' },
  { name: 'value', type: orNull('double'), doc: 'null for offline' },
  { name: 'z', type: orNull('double'), doc: 'As in sensor_anomalies.avsc; null for events' },
  { name: 'score', type: orNull('double') },
  { name: 'alarm', type: orNull('boolean') },
  { name: 'channel', type: orNull('string'), doc: 'The rule that gave the score' },
  { name: 'baseline', type: orNull(baselineSchema) },
  {
    name: 'since',
    type: orNull('long'),
    doc: 'Event time of the last reading before the silence, or of the first equal one, ms',
  },
  { name: 'silent_after', type: orNull('long'), doc: 'Of offline and online: the limit, ms' },
  { name: 'readings', type: orNull('long'), doc: 'Of stuck and moving: equal ones in a row' },
  { name: 'explanation', type: orNull('string'), doc: 'A sentence; null for readings' },
] as Schema[];

/**
 * A record of topic sensor_anomalies where it may also hold events or channels;
 * avro/sensor_events.avsc.
 */
export const sensorEventSchema: Schema = {
  type: 'record',
  name: 'SensorEvent',
  namespace: 'sensorium',
  doc:
    'A flagged reading, or a sensor that went silent, was heard again, got stuck or moved ' +
    'again.',
  fields: eventFields,
} as Schema;

/** A record of topic sensor_anomalies where alarms have a life; avro/sensor_alarms.avsc. */
export const alarmEventSchema: Schema = {
  type: 'record',
  name: 'SensorAlarmEvent',
  namespace: 'sensorium',
  doc: 'A record of sensor_events.avsc, or a change in the life of an alarm.',
  fields: [
    ...eventFields,
    {
      name: 'alarm_id',
      type: orNull('string'),
      doc: 'Of the kinds alarm_opened, alarm_escalated, alarm_acknowledged, alarm_muted and alarm_resolved',
    },
    { name: 'cause', type: orNull('string'), doc: 'reading, silent or stuck' },
    { name: 'opened_at', type: orNull('long'), doc: 'Event time, ms' },
    { name: 'acknowledged', type: orNull('boolean') },
    { name: 'muted_until', type: orNull('long'), doc: 'Wall clock, ms; null where not muted' },
  ],
} as Schema;
