// The OpenAPI description of this server. A test checks that every path here is served.
import type { FastifyInstance } from 'fastify';

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
  },
};

const sensorId = {
  name: 'id',
  in: 'path',
  required: true,
  schema: { type: 'string', minLength: 1 },
  description: 'Sensor id, percent-encoded, including slashes.',
};

const limit = {
  name: 'limit',
  in: 'query',
  schema: { type: 'integer', minimum: 1, maximum: 10_000, default: 100 },
};

const reason = {
  name: 'reason',
  in: 'query',
  schema: { type: 'string', maxLength: 200 },
  description: 'Free text, shown with a quarantine.',
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
    parameters: [sensorId, reason],
    responses: {
      200: json('Committed: each shard of the sensor, the offset, and whether anything changed'),
      401: errorJson('The bearer token is not HTTP_TOKEN'),
      403: errorJson('The process was started without HTTP_TOKEN'),
      307: elsewhere,
      404: errorJson('No shard of this process holds it, nor any other known process'),
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
      {
        name: 'accept_gap',
        in: 'query',
        schema: { type: 'boolean', default: false },
        description: 'Go on although records were deleted before they were read.',
      },
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
    '/sensors': get('Sensor ids', { 200: json('Up to `limit` ids, sorted') }, [limit]),
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
    '/sensors/{id}/quarantine': command('Quarantine a sensor: its readings become dead letters'),
    '/sensors/{id}/release': command('End a quarantine; the baseline continues from before it'),
    '/sensors/{id}/reset': command('Reset the baseline; open windows and a quarantine stay'),
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
    '/openapi.json': get('This document', { 200: json('OpenAPI 3.1') }),
  },
};

/** Adds `GET /openapi.json`. */
export function addOpenApiRoute(app: FastifyInstance): void {
  app.get('/openapi.json', (_request, reply) => reply.send(openApiDocument));
}
