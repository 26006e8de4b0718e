// The life of the history thread: keeps the day files of every view, reports to the supervisor and
// answers it. The root, history-thread.ts, opens the log and says how a store is opened.
import { repeatedly, type Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import type { ControlPort } from '../control-port.ts';
import { deferred } from '../deferred.ts';
import type { EventLog } from '../log/event-log.ts';
import { featureTopics, type FeatureTopic } from '../log/topics.ts';
import type { Logger } from '../logger.ts';
import { createMetrics, type Metrics } from '../metrics/pipeline-metrics.ts';
import { selectFeatures } from '../sensors/features.ts';
import type { HistoryStore } from '../stores/history-store.ts';
import type { HistoryCommand, HistoryEvent, HistoryViewStatus } from './history-protocol.ts';
import { keepHistory } from './keep-history.ts';
import { readableAfterMs } from './readable.ts';

export interface OpenStoreOptions {
  readonly signal: AbortSignal;
  onWait(message: string): void;
}

export interface HistoryParts {
  readonly config: Config;
  /** HistoryCommand in, HistoryEvent out. */
  readonly port: ControlPort;
  readonly log: EventLog;
  readonly clock: Clock;
  readonly logger: Logger;
  openStore(topic: FeatureTopic, options: OpenStoreOptions): Promise<HistoryStore>;
}

const statusIntervalMs = 1_000;
const badRowsNamedMax = 1_000;

/** Keeps the history until drained. @throws an error whose directive the supervisor follows. */
export async function runHistoryProjection(parts: HistoryParts): Promise<void> {
  const { clock, config, port } = parts;
  const send = (event: HistoryEvent): void => port.postMessage(event);
  const metrics = createMetrics(featureTopics(config).map(({ view }) => view));
  const draining = new AbortController();
  const failed = new AbortController();
  const signal = AbortSignal.any([draining.signal, failed.signal]);
  const failure = deferred<never>();
  const views = new Map<string, HistoryViewStatus>();
  const started = new Set<string>();
  let isRunning = false;
  const stopReporting = repeatedly(clock, statusIntervalMs, () => {
    send({ type: 'status', views: [...views.values()] });
  });
  port.on('message', (command: HistoryCommand) => {
    answer(command, { draining, metrics, send }).catch(failure.reject);
  });
  const topics = featureTopics(config);
  // Only once every folder is open, or waited for: a folder that is wrong from the start is final.
  const onStarted = (view: string): void => {
    started.add(view);
    if (started.size === topics.length && !isRunning) send({ type: 'running' });
    isRunning ||= started.size === topics.length;
  };
  try {
    const all = topics.map((topic) =>
      keepView(parts, { topic, metrics, signal, views, onStarted }).catch((error: unknown) => {
        failed.abort();
        throw error;
      }),
    );
    await Promise.race([Promise.all(all), failure.promise]);
    send({ type: 'drained' });
  } finally {
    failed.abort();
    stopReporting();
  }
}

interface Answering {
  readonly draining: AbortController;
  readonly metrics: Metrics;
  readonly send: (event: HistoryEvent) => void;
}

async function answer(
  command: HistoryCommand,
  { draining, metrics, send }: Answering,
): Promise<void> {
  switch (command.type) {
    case 'drain':
      draining.abort();
      return;
    case 'metrics': {
      const { requestId } = command;
      const found = await metrics.registry.getMetricsAsJSON();
      send({ type: 'metrics', requestId, metrics: found });
      return;
    }
    default:
      return command satisfies never;
  }
}

interface ViewParts {
  readonly topic: FeatureTopic;
  readonly metrics: Metrics;
  readonly signal: AbortSignal;
  readonly views: Map<string, HistoryViewStatus>;
  readonly onStarted: (view: string) => void;
}

async function keepView(
  { clock, config, log, logger, openStore }: HistoryParts,
  { topic: { topic, view }, metrics, signal, views, onStarted }: ViewParts,
): Promise<void> {
  let status: HistoryViewStatus = { view, behind: 0, newestMs: null, waitsFor: 'the folder' };
  const report = (change: Partial<HistoryViewStatus>): void => {
    status = { ...status, ...change };
    views.set(view, status);
    metrics.historyBehindRecords.set({ view }, status.behind);
  };
  const waitFor = (message: string): void => {
    report({ waitsFor: message });
    onStarted(view);
    logger.warn({ view, reason: message }, 'the history waits');
  };
  let badRowsNamed = 0;
  let records = 0;
  report({});
  await keepHistory({
    ...{ log, topic, view, clock, signal, follow: 'on', atEnd: 'leave' },
    features: selectFeatures(config.semantics.features),
    availableAfterMs: readableAfterMs(config),
    commitIntervalMs: config.process.historyIntervalMs,
    openStore: async () => {
      const store = await openStore({ topic, view }, { signal, onWait: waitFor });
      records = 0;
      report({ waitsFor: null });
      onStarted(view);
      return store;
    },
    onBadRow: ({ partition }, offset, error) => {
      badRowsNamed += 1;
      if (badRowsNamed > badRowsNamedMax) return;
      logger.error(
        { topic, partition, offset, error: error.message },
        'the history left out a record that is not a feature row',
      );
    },
    onGap: ({ partition, from, to }) => {
      metrics.historyLostRecords.inc({ view }, to - from);
      logger.error(
        { topic, partition, from, to },
        'the topic lost records before the history read them; give it a longer retention.ms',
      );
    },
    onRetry: (error) => waitFor(error.message),
    onProgress: (progress) => {
      metrics.historyRecords.inc({ view }, progress.records - records);
      records = progress.records;
      report({ behind: progress.behind, newestMs: progress.newestMs ?? null });
    },
  });
}
