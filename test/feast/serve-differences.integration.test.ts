// `POST /get-online-features` beside the real `feast serve`, over one Redis: every request is
// answered alike, but for the differences that docs/feast.md lists and argues.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';

import { createLogger } from '../../src/logger.ts';
import { defaultFeatures } from '../../src/sensors/features.ts';
import { openRedisFeatureStore } from '../../src/stores/redis/redis-feature-store.ts';
import { uniqueName } from '../contracts/event-log-harness.ts';
import { featureRow } from '../contracts/feature-store.contract.ts';
import { startProgram, type Program } from '../integration/program.ts';
import { feastRequests, type AskedRequest } from './feast-requests.ts';
import { startFeastServer, type FeastServer } from './feast-server.ts';

const server = inject('redisUrl');
const redisUrl = `${server}/11`;
const python = inject('feastPython');

/** The names of the requests that are answered otherwise; docs/feast.md argues each. */
const differences = [
  ...readFileSync(new URL('../../docs/feast.md', import.meta.url), 'utf8').matchAll(
    /^\| `([^`]+)`/gm,
  ),
].map(([, name = '']) => name);

describe.skipIf(server === '' || python === '')('the program and feast serve', () => {
  const ids = [uniqueName('sensor'), uniqueName('sensor'), uniqueName('ü/ "quoted"')] as const;
  let feast: FeastServer | undefined;
  let program: Program | undefined;

  beforeAll(async () => {
    const store = openRedisFeatureStore({
      ...{ url: redisUrl, clusterNodes: [], onlineTtlS: undefined },
      ...{ features: defaultFeatures, logger: createLogger('fatal') },
    });
    const odd = { avg_value: -0, min_value: 5e-324, max_value: 1e300, std_dev: 1 / 3 };
    await store.upsert(ids.map((id, window) => featureRow(id, window, window === 1 ? odd : {})));
    await store.close();
    program = await startProgram({ REDIS_URL: redisUrl, SIMULATED_SENSORS: '0' });
    feast = await startFeastServer(python, redisUrl);
    await program.ready();
  }, 300_000);
  afterAll(async () => {
    feast?.stop();
    await program?.kill();
  });

  test('answer alike, but for the differences that are listed', { timeout: 120_000 }, async () => {
    const requests = feastRequests(ids);
    const unlike: string[] = [];
    for (const request of requests) {
      const ours = await answer(program?.url ?? '', request);
      const theirs = await answer(feast?.url ?? '', request);
      if (JSON.stringify(ours) !== JSON.stringify(theirs)) unlike.push(request.name);
    }

    expect(requests.length).toBeGreaterThanOrEqual(125);
    expect(new Set(requests.map(({ name }) => name)).size).toBe(requests.length);
    expect(unlike.toSorted()).toEqual(differences.toSorted());
  });
});

/** Returns the parts of an answer that a client may rely on. */
async function answer(url: string, request: AskedRequest): Promise<unknown> {
  const { body, method, path, type } = request;
  const response = await fetch(`${url}${path}`, {
    method,
    redirect: 'manual',
    // A server that is restarted closes kept connections.
    headers: { connection: 'close', ...(type === '' ? {} : { 'content-type': type }) },
    // Bytes, because text would get a content type.
    ...(body === undefined ? {} : { body: Buffer.from(body) }),
  });
  const { status } = response;
  const text = await response.text();
  // Sentences are each server's own; the fields and classes that clients switch on are not.
  if (status === 200) return { status, columns: columnsOf(text) };
  if (status === 422) return { status, problems: problemsOf(text) };
  return { status, class: /\\"class\\": \\"(\w+)\\"/.exec(text)?.[1] };
}

/** Columns by name: Feast answers in an order of its own. */
function columnsOf(text: string): unknown {
  if (text === '') return undefined;
  const { metadata, results } = JSON.parse(text) as {
    metadata: { feature_names: string[]; feature_view_metadata?: unknown };
    results: Record<string, unknown>[];
  };
  const columns = metadata.feature_names.map((name, index): [string, unknown] => {
    const { event_timestamps, statuses, values } = results[index] ?? {};
    return [name, [values, statuses, event_timestamps]];
  });
  return [columns.sort(([a], [b]) => (a < b ? -1 : 1)), metadata.feature_view_metadata];
}

function problemsOf(text: string): unknown {
  const { detail } = JSON.parse(text) as { detail: { type: string; loc: unknown[] }[] };
  // Where JSON ends is a number, which each parser counts in its own way.
  return detail.map(({ loc, type }) => [type, loc.filter((part) => typeof part === 'string')]);
}
