// The OpenAPI description of this server. A test checks that every path here is served.
import type { FastifyInstance } from 'fastify';

import {
  acceptGapParameter,
  alarmParameters,
  historyParameters,
  keyParameter,
  letterParameters,
  listParameters,
  reasonParameter,
} from './query-parameters.ts';

const json = (description: string): object => ({
  description,
  content: { 'application/json': { schema: { type: 'object' } } },
});

const errorJson = (description: string): object => ({
  description,
  content: {
    'application/json': {
      schema: {
        type: 'object',
        required: ['error', 'message'],
        properties: { error: { type: 'string' }, message: { type: 'string' } },
      },
    },
  },
});

const text = (description: string, type: string): object => ({
  description,
  content: { [type]: { schema: { type: 'string' } } },
});

const onlineFeaturesRequest = {
  type: 'object',
  required: ['entities'],
  properties: {
    features: { type: 'array', items: { type: 'string' }, examples: [['sensor_features:count']] },
    feature_service: { type: 'string', examples: ['sensor_features'] },
    entities: {
      type: 'object',
      required: ['sensor_id'],
      properties: { sensor_id: { type: 'array', minItems: 1, items: { type: 'string' } } },
    },
    full_feature_names: { type: 'boolean', default: false },
    max_age: { type: 'string', examples: ['5m'], description: 'In the place of MAX_AGE' },
  },
};

const queryRequest = {
  type: 'object',
  required: ['sql'],
  properties: {
    sql: { type: 'string', examples: ['SELECT * FROM sensor_features_newest'] },
    format: { type: 'string', enum: ['json', 'csv', 'parquet'], default: 'json' },
  },
};

const sensorId = {
  name: 'id',
  in: 'path',
  required: true,
  schema: { type: 'string', minLength: 1 },
  description: 'Sensor id, percent-encoded, including slashes.',
};

const integer: object = { type: 'integer' };

const historyAnswer: object = {
  description: 'The rows, by window end; times in ms since 1970',
  content: {
    'application/json': {
      schema: {
        type: 'object',
        required: ['sensor_id', 'view', 'rows', 'unread'],
        properties: {
          sensor_id: { type: 'string' },
          view: { type: 'string' },
          rows: {
            type: 'array',
            items: {
              type: 'object',
              required: ['window_start', 'window_end', 'created', 'available_at', 'features'],
              properties: {
                ...{ window_start: integer, window_end: integer },
                ...{ created: integer, available_at: integer },
                features: {
                  type: 'object',
                  additionalProperties: { type: ['number', 'null'] },
                },
              },
            },
          },
          unread: {
            type: 'integer',
            description:
              'Records of the topic older than the 50,000 read back: rows may be missing',
          },
        },
      },
    },
  },
};

const elsewhere = {
  ...errorJson('Another process may hold it'),
  headers: {
    location: { schema: { type: 'string' }, description: 'The same path on that process' },
  },
};

const command = (summary: string): object => ({
  post: {
    summary,
    security: [{ token: [] }],
    parameters: [sensorId, reasonParameter],
    responses: {
      200: json('Committed: each shard of the sensor, the offset, and whether anything changed'),
      401: errorJson('The bearer token is not HTTP_TOKEN'),
      403: errorJson('The process was started without HTTP_TOKEN'),
      307: elsewhere,
      404: errorJson('No shard of this process holds it, nor any other known process'),
      409: errorJson('Of alarms: ALARM_RESOLVE_AFTER is unset'),
      422: errorJson('The body is not what is expected'),
      503: errorJson('Unknown whether it was committed: try again'),
    },
  },
});

const retryShard = {
  post: {
    summary: 'Retry a failed shard; other shards are not affected',
    security: [{ token: [] }],
    parameters: [
      { name: 'topic', in: 'path', required: true, schema: { type: 'string' } },
      { name: 'partition', in: 'path', required: true, schema: { type: 'integer', minimum: 0 } },
      acceptGapParameter,
    ],
    responses: {
      200: json('The shard is running; `retried` is false if it had not failed'),
      202: json('The shard is still starting: see its phase in /supervisor'),
      307: elsewhere,
      400: errorJson('The partition is not a number, or accept_gap is neither true nor false'),
      401: errorJson('The bearer token is not HTTP_TOKEN'),
      403: errorJson('The process was started without HTTP_TOKEN'),
      404: errorJson('No worker of this process holds the shard, nor any other known process'),
      409: errorJson('The shard failed again, with the reason'),
      503: errorJson('The worker did not answer: try again'),
    },
  },
};

const readings = {
  post: {
    summary: 'Append readings to the input topic; answered once the log holds them durably',
    security: [{ token: [] }],
    parameters: [keyParameter],
    requestBody: {
      required: true,
      description: 'Also with content-encoding: gzip. Its shape is told by its first character.',
      content: {
        'application/json': {
          schema: { oneOf: [{ type: 'object' }, { type: 'array', items: { type: 'object' } }] },
          examples: {
            one: { value: { sensor_id: 'pump-3', timestamp: 1_769_853_540_123, value: 21.5 } },
          },
        },
        'application/x-ndjson': { schema: { type: 'string' } },
      },
    },
    responses: {
      200: json('`accepted` records, `refused` lines, and `errors`: line, field, reason, error'),
      400: errorJson('No reading in the body, or it is not gzip'),
      401: errorJson('The bearer token is neither HTTP_WRITE_TOKEN nor HTTP_TOKEN'),
      403: errorJson('The process was started without HTTP_WRITE_TOKEN and HTTP_TOKEN'),
      413: errorJson('More than POSTED_BYTES_MAX, or than 4 MiB as sent'),
      415: errorJson('A content-encoding other than gzip'),
      422: json('As 200; none of the lines is a reading'),
      429: errorJson('Above a bound: send the same again after `retry-after` seconds'),
      503: errorJson(
        'Unknown whether the log has them: send again; or it refuses, with the reason',
      ),
    },
  },
};

const get = (summary: string, responses: object, parameters: readonly object[] = []): object => ({
  get: { summary, ...(parameters.length === 0 ? {} : { parameters }), responses },
});

export const openApiDocument: { readonly paths: Readonly<Record<string, object>> } = {
  ...{ openapi: '3.1.0', info: { title: 'Sensorium', version: '0.1.0' } },
  ...{ components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } } },
  paths: {
    '/': get('The live page', { 200: text('The page', 'text/html') }),
    '/health/live': get('Liveness: whether the process should keep running', {
      200: json('It should keep running'),
      503: json('It has failed for good: restart it'),
    }),
    '/health/ready': get('Readiness: whether the process is doing its whole job', {
      200: json('It is ready'),
      503: json('It is not ready; the body lists the reasons'),
    }),
    '/health/serving': get('Serving: whether features can be read here', {
      200: json('The feature store answers; `newest_row_age_seconds` is null where unknown'),
      503: json('The feature store does not answer, or the process drains; with reasons'),
    }),
    '/metrics': get('Prometheus metrics of all threads', { 200: text('Metrics', 'text/plain') }),
    '/supervisor': get('The supervision tree', { 200: json('Workers, shards, projector, totals') }),
    '/features': get('The declared features: names, types, units, descriptions', {
      200: json('The views, and the features in the order of a row'),
    }),
    '/live': get('The supervision tree and new feature rows, every second', {
      200: text('Server-sent events named `status`', 'text/event-stream'),
    }),
    '/pipeline/history': get('The last six hours of this process, and its last changes of state', {
      200: json('`slots` of ten seconds, oldest first, and `changes`, newest first'),
    }),
    '/sensors': get(
      'Sensors of all processes of the group, searched, filtered and sorted, a page at a time',
      {
        200: json('`items`, how many there are and match, `next`, and processes without an answer'),
        400: errorJson('A parameter is wrong'),
        503: errorJson('A worker did not answer'),
      },
      listParameters,
    ),
    '/sensors/{id}': get(
      'One live sensor: lifecycle, baseline, open windows, offset, last flagged readings with reasons',
      {
        200: json('The sensor'),
        307: elsewhere,
        404: errorJson('No shard of this process holds it, nor any other known process'),
        503: errorJson('A worker that may hold it did not answer, or a shard is still starting'),
      },
      [sensorId],
    ),
    '/sensors/{id}/history': get(
      'The committed rows of one sensor, from HISTORY_DIR and from the topic beyond it',
      {
        200: historyAnswer,
        400: errorJson('A parameter is not what is expected'),
        404: errorJson('No sensor has so long an id'),
        503: errorJson('Four others are read, or the log or the disk does not answer'),
      },
      [sensorId, ...historyParameters],
    ),
    '/sensors/{id}/quarantine': command('Quarantine a sensor: its readings become dead letters'),
    '/sensors/{id}/release': command('End a quarantine; the baseline continues from before it'),
    '/sensors/{id}/reset': command('Reset the baseline; open windows and a quarantine stay'),
    '/sensors/{id}/acknowledge': command('Acknowledge the open alarms of a sensor'),
    '/sensors/{id}/mute': command('Mute a sensor: {"for": "2h"} or {"until": "…"}'),
    '/sensors/{id}/unmute': command('End the mute of a sensor'),
    '/sensors/{id}/tune': command('Set {"sensitivity": …}, {"direction": "high|low|both"} or both'),
    '/alarms': get(
      'The open alarms of all processes, by sensor id',
      {
        200: json('A page of alarms; `kept` is false without ALARM_RESOLVE_AFTER'),
        400: errorJson('A parameter is not what is expected'),
        503: errorJson('A worker did not answer'),
      },
      alarmParameters,
    ),
    '/dead-letters': get(
      'The newest dead letters, and how many there are of each reason',
      {
        200: json('`counts` of those read, `letters`, newest first, and `unread` records'),
        400: errorJson('A parameter is not what is expected'),
        503: errorJson('The log does not answer'),
      },
      letterParameters,
    ),
    '/shards/{topic}/{partition}/retry': retryShard,
    '/get-online-features': {
      post: {
        summary: 'The newest stored features; request and response as in Feast’s feature server',
        requestBody: {
          required: true,
          content: { 'application/json': { schema: onlineFeaturesRequest } },
        },
        responses: {
          200: json('Columns in the order of metadata.feature_names'),
          404: text('Unknown view or service, a JSON string that holds JSON', 'application/json'),
          422: json('The body is not JSON, or not a valid request'),
          500: text('Unknown feature or entity, a JSON string', 'application/json'),
          503: text('The feature store is unavailable, a JSON string', 'application/json'),
        },
      },
    },
    '/readings': readings,
    '/query': {
      post: {
        summary: 'SQL over the history, the topics beyond it and the anomalies; off by default',
        security: [{ token: [] }],
        requestBody: {
          required: true,
          content: { 'application/json': { schema: queryRequest } },
        },
        responses: {
          200: {
            description: 'The rows, in the format asked for',
            content: {
              'application/json': { schema: { type: 'array', items: { type: 'object' } } },
              'text/csv': { schema: { type: 'string' } },
              'application/vnd.apache.parquet': { schema: { type: 'string', format: 'binary' } },
            },
          },
          400: errorJson('Not one SELECT over the views, or the engine refuses it'),
          401: errorJson('The bearer token is not HTTP_TOKEN'),
          403: errorJson('The process was started without HTTP_TOKEN or HTTP_QUERY'),
          503: errorJson('Another query runs, QUERY_TIMEOUT_MS has passed, or the log is away'),
        },
      },
    },
    '/openapi.json': get('This document', { 200: json('OpenAPI 3.1') }),
  },
};

/** Adds `GET /openapi.json`. */
export function addOpenApiRoute(app: FastifyInstance): void {
  app.get('/openapi.json', (_request, reply) => reply.send(openApiDocument));
}
