// The query parameters of the routes, as the OpenAPI description has them.
import { sensorFilters, sensorSorts } from '../../sensors/sensor-list.ts';

/** Returns a parameter; a string unless `schema` says otherwise. */
const parameter = (name: string, description: string, schema: object = {}): object => ({
  ...{ name, in: 'query', description },
  schema: { type: 'string', ...schema },
});

const pageLength = { type: 'integer', minimum: 1, maximum: 10_000, default: 100 };
const time = { examples: ['2026-01-31T10:00:00Z', '1700000000000'] };

const search = parameter('search', 'Part of the id, in any case.', { maxLength: 256 });
const page = [
  parameter('shard', 'Only this shard: topic/partition.'),
  parameter('limit', 'Sensors a page.', pageLength),
  parameter('cursor', '`next` of the page before.'),
];

export const alarmParameters: readonly object[] = [
  search,
  parameter('state', 'open: all of them, whether acknowledged or muted.', {
    ...{ enum: ['open', 'unacknowledged', 'acknowledged', 'muted'], default: 'open' },
  }),
  ...page,
];

export const listParameters: readonly object[] = [
  search,
  parameter('filter', 'Only these.', { enum: sensorFilters }),
  parameter('sort', 'With - in front: descending.', {
    enum: sensorSorts.flatMap((name) => [name, `-${name}`]),
    default: 'id',
  }),
  ...page,
  parameter('windows', 'true: with the last windows of each sensor.', {
    ...{ type: 'boolean', default: false },
  }),
  parameter('others', '0: the sensors of this process alone.'),
];

export const historyParameters: readonly object[] = [
  parameter(
    'from',
    'Only windows that end after it; ISO 8601 with a zone, or ms since 1970.',
    time,
  ),
  parameter('to', 'Only windows that end at or before it.', time),
  parameter('last', 'The newest so many rows of the range.', pageLength),
  parameter('view', 'By default that of the base windows.', { examples: ['sensor_features_5m'] }),
];

export const letterParameters: readonly object[] = [
  parameter('reason', 'Only dead letters with this reason.', { examples: ['late'] }),
  parameter('limit', 'How many.', { type: 'integer', minimum: 1, maximum: 200, default: 50 }),
];

export const keyParameter: object = parameter(
  'key',
  'The key of the records: the device id where INPUT_SCHEMA says `id: $key`.',
);

export const reasonParameter: object = parameter('reason', 'Free text, shown with a quarantine.', {
  maxLength: 200,
});

export const acceptGapParameter: object = parameter(
  'accept_gap',
  'Go on although records were deleted before they were read.',
  { type: 'boolean', default: false },
);
