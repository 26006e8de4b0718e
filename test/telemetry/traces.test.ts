// The spans of a real run in a real Jaeger, on a real Kafka. Part of `npm run test:telemetry`.
import { expect, inject, it, onTestFinished } from 'vitest';

import { freePort } from '../free-port.ts';
import { openTestLog } from '../integration/peers.ts';
import { Programs } from '../integration/pipeline.ts';
import { eventually, type Program } from '../integration/program.ts';
import { createTestTopics, readRecords, type TestTopics } from '../integration/topics.ts';
import type { EventLog } from '../../src/log/event-log.ts';
import { startTool } from './server.ts';

const brokers = inject('kafkaBrokers');
const sampledTrace = 'a'.repeat(32);
const sampled = `00-${sampledTrace}-${'b'.repeat(16)}-01`;
const unsampled = `00-${'c'.repeat(32)}-${'d'.repeat(16)}-00`;

interface JaegerSpan {
  readonly traceID: string;
  readonly operationName: string;
  readonly references: readonly { readonly traceID: string }[];
  readonly tags: readonly { readonly key: string; readonly value: unknown }[];
}

it.skipIf(brokers === '')(
  'a sampled reading is linked to its commit and to the batch that wrote its row, and a plain one leaves no span',
  async () => {
    const jaeger = await startJaeger();
    const { log, program, topics } = await startTraced({
      ...{ OTEL_EXPORTER_OTLP_ENDPOINT: jaeger.endpoint, OTEL_SERVICE_NAME: 'plant-7' },
      ...{ OTEL_BSP_SCHEDULE_DELAY: '200', OTEL_RESOURCE_ATTRIBUTES: 'deployment.site=north' },
    });

    await appendReadings(log, topics);
    const rows = await rowsOf(log, topics, 2);
    const commits = await jaeger.spans('commit', 1);
    const projected = await jaeger.spans('project', 1);
    await program.stop();

    const commit = commits.find(({ references }) => references.length > 0);
    expect(commit?.references.map(({ traceID }) => traceID)).toEqual([sampledTrace]);
    expect(rows.get('a')).toBe(sampled);
    const ofRow = commits.find(({ traceID }) => rows.get('b')?.includes(traceID));
    expect(tagsOf(ofRow)).toMatchObject({
      ...{ 'messaging.destination.name': topics.input, 'sensorium.rows': 2 },
    });
    const linked = projected.flatMap(({ references }) => references.map(({ traceID }) => traceID));
    expect(new Set(linked)).toEqual(new Set([sampledTrace, ofRow?.traceID]));
    expect(await jaeger.site()).toBe('north');
    // 300 readings and two rows: a span for each of them would be many more.
    expect(commits.length + projected.length).toBeLessThan(50);
  },
);

it.skipIf(brokers === '')(
  'a collector that is away holds up nothing and has one line in the log',
  async () => {
    const { log, program, topics } = await startTraced({
      ...{ OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${await freePort()}` },
      ...{ OTEL_BSP_SCHEDULE_DELAY: '100', OTEL_EXPORTER_OTLP_TIMEOUT: '500' },
    });

    await appendReadings(log, topics);
    await rowsOf(log, topics, 2);
    const dropped = 'spans could not be sent, and are dropped';
    await eventually(
      () => (program.output().includes(dropped) ? Promise.resolve() : Promise.reject(new Error())),
      { timeoutMs: 20_000, onTimeout: () => program.output() },
    );

    expect(await program.stop()).toBe(0);
    expect(program.output()).toContain('stopped; all work is committed');
  },
);

async function startTraced(
  env: Readonly<Record<string, string>>,
): Promise<{ readonly log: EventLog; readonly topics: TestTopics; readonly program: Program }> {
  const programs = new Programs();
  const log = await openTestLog(brokers);
  onTestFinished(async () => {
    await programs.killAll();
    await log.close();
  });
  const topics = await createTestTopics(log, brokers, 1);
  const program = await programs.start(topics, {
    ...{ WORKERS: '1', WINDOW_MS: '60000', WATERMARK_DELAY_MS: '0', IDLE_TIMEOUT_MS: '60000' },
    ...env,
  });
  await program.ready();
  return { log, topics, program };
}

/** Readings of one window: two of sensor a, one of them sampled, and many of b. One of c closes it. */
async function appendReadings(log: EventLog, topics: TestTopics): Promise<void> {
  const nowMs = Date.now();
  const reading = (
    sensor: string,
    traceparent: string,
    timestamp = nowMs - 120_000,
  ): Parameters<EventLog['append']>[0][0] => ({
    ...{ topic: topics.input, partition: 0, key: Buffer.from(sensor) },
    value: Buffer.from(JSON.stringify({ sensor_id: sensor, timestamp, value: 1 })),
    headers: [{ key: 'traceparent', value: Buffer.from(traceparent) }],
  });
  const plain = Array.from({ length: 298 }, () => reading('b', unsampled));
  const closing = reading('c', unsampled, nowMs);
  await log.append([reading('a', unsampled), reading('a', sampled), ...plain, closing]);
}

/** Resolves with the `traceparent` of each sensor's row. */
async function rowsOf(
  log: EventLog,
  topics: TestTopics,
  count: number,
): Promise<ReadonlyMap<string | null, string | undefined>> {
  return eventually(
    async () => {
      const rows = await readRecords(log, { topic: topics.output, partition: 0 });
      if (rows.length !== count) throw new Error(`${rows.length} rows`);
      return new Map(rows.map(({ key, headers }) => [key, headers.get('traceparent')]));
    },
    { timeoutMs: 30_000 },
  );
}

async function startJaeger(): Promise<{
  readonly endpoint: string;
  spans(operation: string, least: number): Promise<readonly JaegerSpan[]>;
  /** Resolves with the resource attribute `deployment.site`. */
  site(): Promise<unknown>;
}> {
  const ports = await Promise.all(Array.from({ length: 7 }, () => freePort()));
  const [otlp, query, admin, ...others] = ports.map((port) => `127.0.0.1:${port}`);
  const [otlpGrpc, collectorGrpc, collectorHttp, queryGrpc] = others;
  await startTool(
    'jaeger',
    [
      ...[`--collector.otlp.http.host-port=${otlp}`, `--query.http-server.host-port=${query}`],
      ...[`--admin.http.host-port=${admin}`, `--collector.otlp.grpc.host-port=${otlpGrpc}`],
      ...[`--collector.grpc-server.host-port=${collectorGrpc}`],
      ...[`--collector.http-server.host-port=${collectorHttp}`],
      ...[`--query.grpc-server.host-port=${queryGrpc}`],
    ],
    `http://${admin}/`,
  );
  const traces = async (operation: string): Promise<readonly Trace[]> => {
    const search = `service=plant-7&operation=${operation}&limit=1000&lookback=1h`;
    const answer = await fetch(`http://${query}/api/traces?${search}`);
    return ((await answer.json()) as { readonly data: readonly Trace[] | null }).data ?? [];
  };
  return {
    endpoint: `http://${otlp}/`,
    spans: (operation, least) =>
      eventually(
        async () => {
          const spans = (await traces(operation)).flatMap((trace) => trace.spans);
          const isLinked = spans.some(({ references }) => references.length > 0);
          if (spans.length >= least && isLinked) return spans;
          throw new Error(`${spans.length} spans ${operation}, linked: ${isLinked}`);
        },
        { timeoutMs: 20_000 },
      ),
    async site() {
      const [trace] = await traces('commit');
      const [process] = Object.values(trace?.processes ?? {});
      return process?.tags.find(({ key }) => key === 'deployment.site')?.value;
    },
  };
}

interface Trace {
  readonly spans: readonly JaegerSpan[];
  readonly processes: Readonly<Record<string, { readonly tags: JaegerSpan['tags'] }>>;
}

function tagsOf(span: JaegerSpan | undefined): Readonly<Record<string, unknown>> {
  return Object.fromEntries(span?.tags.map(({ key, value }) => [key, value]) ?? []);
}
