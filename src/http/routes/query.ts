// Answers SQL over the history, the topics beyond it and the anomalies. It needs the token, as
// commands do: a query costs more than any read.
import { createReadStream } from 'node:fs';

import type { FastifyInstance } from 'fastify';

import { isSensoriumError } from '../../errors.ts';
import { fileFormats, type FileFormat } from '../../queries/engine.ts';
import type { QueryRunner } from '../../queries/query-runner.ts';
import { parsedJson } from '../../codecs/bounded-json.ts';

const contentTypes: Readonly<Record<FileFormat, string>> = {
  csv: 'text/csv; charset=utf-8; header=present',
  json: 'application/json; charset=utf-8',
  parquet: 'application/vnd.apache.parquet',
};

/** Adds `POST /query`; without `queries` it is refused. */
export function addQueryRoute(app: FastifyInstance, queries: QueryRunner | undefined): void {
  app.post<{ Body: string | undefined }>('/query', async (request, reply) => {
    if (queries === undefined) {
      const message = 'queries are disabled: set HTTP_QUERY=true';
      return reply.code(403).send({ error: 'forbidden', message });
    }
    const query = queryIn(request.body ?? '');
    if (query === undefined) {
      const message = 'expected {"sql": "SELECT …", "format": "json", "csv" or "parquet"}';
      return reply.code(400).send({ error: 'bad_request', message });
    }
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort());
    try {
      const { path, release } = await queries.run(query, gone.signal);
      const stream = createReadStream(path);
      stream.once('close', () => void release());
      return await reply.type(contentTypes[query.format]).send(stream);
    } catch (error) {
      if (!isSensoriumError(error) || error.directive !== 'stop') throw error;
      return reply.code(400).send({ error: 'bad_request', message: error.message });
    }
  });
}

function queryIn(body: string): { readonly sql: string; readonly format: FileFormat } | undefined {
  const value = parsedJson(body);
  if (typeof value !== 'object' || value === null) return undefined;
  const { sql, format = 'json' } = value as Partial<Record<string, unknown>>;
  const known = fileFormats.find((name) => name === format);
  return typeof sql === 'string' && known !== undefined ? { sql, format: known } : undefined;
}
