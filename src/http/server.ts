// The HTTP server: health, metrics, the supervision tree, live sensors, online features, the page.
// Everything is read-only except readings and commands, which need a token (door/).
import type { FastifyInstance } from 'fastify';

import type { Config } from '../config/config.ts';
import { ConfigError } from '../errors.ts';
import { createServingMetrics } from '../metrics/process-metrics.ts';
import type { PostedReadings } from '../ingest/posted-readings.ts';
import { featureTopics } from '../log/topics.ts';
import type { Logger } from '../logger.ts';
import type { RecentDeadLetters } from '../projections/recent-dead-letters.ts';
import type { SensorHistory } from '../projections/sensor-history.ts';
import type { QueryRunner } from '../queries/query-runner.ts';
import type { FeatureStore } from '../stores/feature-store.ts';
import type { SensorOwners } from '../supervisor/sensor-owners.ts';
import { watchesAlarms } from '../sensors/alarm-slot.ts';
import type { SupervisorView } from '../supervisor/supervisor-view.ts';
import { createApp } from './app.ts';
import { addDoor, type DoorOptions } from './door/door.ts';
import { SensorListing } from './sensor-listing.ts';
import { addDeadLetterRoute } from './routes/dead-letters.ts';
import { addFeaturesRoute } from './routes/features.ts';
import { addHealthRoutes } from './routes/health.ts';
import { addLiveRoute } from './routes/live.ts';
import { addMetricsRoute, type MetricsText } from './routes/metrics.ts';
import { addOnlineFeaturesRoute } from './routes/online-features.ts';
import { addOpenApiRoute } from './routes/openapi.ts';
import { addPageRoutes } from './routes/page.ts';
import { addQueryRoute } from './routes/query.ts';
import { addReadingsRoute } from './routes/readings.ts';
import { addAlarmRoute } from './routes/alarms.ts';
import { addSensorCommandRoutes } from './routes/sensor-commands.ts';
import { addSensorHistoryRoute } from './routes/sensor-history.ts';
import { addSensorRoutes } from './routes/sensors.ts';
import { addShardRoutes } from './routes/shards.ts';
import { addSupervisorRoute } from './routes/supervisor.ts';
import { toldToClients } from './unanswerable.ts';

export interface HttpServerOptions {
  readonly supervisor: SupervisorView;
  /** Absent if there is no other process in the group. */
  readonly owners?: SensorOwners;
  readonly featureStore: Pick<FeatureStore, 'ping' | 'read' | 'readKept' | 'rowsRead'>;
  /** Absent where there is no log at hand. */
  readonly history?: Pick<SensorHistory, 'rows'>;
  /** Absent where there is no log at hand. */
  readonly deadLetters?: Pick<RecentDeadLetters, 'newest'>;
  /** Absent unless HTTP_QUERY is set. */
  readonly queries?: QueryRunner | undefined;
  /** Absent where no readings are taken over HTTP. */
  readonly posted?: PostedReadings | undefined;
  /** Further metrics to serve. */
  readonly metrics?: readonly MetricsText[];
  readonly config: Config;
  readonly logger: Logger;
  /** Until when a request must have come in; 30 s where left out. */
  readonly requestTimeoutMs?: number;
}

export interface HttpServer {
  /** Exposed for `inject` in tests. */
  readonly app: FastifyInstance;
  /**
   * Resolves with the URL it listens on.
   * @throws ConfigError naming host and port if it cannot listen there.
   */
  listen(): Promise<string>;
  /** Ends open streams and stops listening. Idempotent. */
  close(): Promise<void>;
}

const requestTimeoutMsDefault = 30_000;
const bodyBytesMax = 4 * 1024 * 1024;

const nobodyElse: SensorOwners = {
  urlsOf: () => Promise.resolve([]),
  urlsOfShard: () => Promise.resolve([]),
  urlsOfAll: () => Promise.resolve([]),
};

/**
 * Returns the server with all its routes, not yet listening.
 * @throws ConfigError if its certificate cannot be used.
 */
export function createHttpServer(options: HttpServerOptions): HttpServer {
  const { config, featureStore, supervisor, owners = nobodyElse } = options;
  const { requestTimeoutMs = requestTimeoutMsDefault } = options;
  const app = createApp(config, { requestTimeoutMs, bodyBytesMax }, options.logger);
  answerErrors(app, options.logger);
  addDoor(app, doorOptions(config, options.logger));
  addHealthRoutes(app, supervisor, featureStore);
  const posted = options.posted === undefined ? [] : [options.posted.metrics.registry];
  const serving = createServingMetrics(featureStore.rowsRead);
  addMetricsRoute(app, supervisor, serving, ...posted, ...(options.metrics ?? []));
  addSupervisorRoute(app, supervisor);
  const listing = new SensorListing({
    ...{ supervisor, owners, featureStore },
    readToken: config.process.httpReadToken?.[0],
    monotonicMs: () => performance.now(),
  });
  const { anomalyEvents } = config.process;
  addSensorRoutes(app, { supervisor, owners, listing, anomalyEvents });
  const alarms = { hasAlarms: watchesAlarms(config.semantics), nowMs: () => Date.now() };
  addAlarmRoute(app, { listing, ...alarms });
  addSensorCommandRoutes(app, { supervisor, owners, ...alarms });
  addShardRoutes(app, supervisor, owners);
  addDeadLetterRoute(app, options.deadLetters);
  const topics = featureTopics(config);
  addSensorHistoryRoute(app, { history: options.history, views: topics, metrics: serving });
  const views = topics.map(({ view }) => view);
  const { feastJoinKey: joinKey, feastProject: project, maxAge: maxAges } = config.process;
  const names = { joinKey, project };
  const served = { views, features: config.semantics.features, names, maxAges };
  addOnlineFeaturesRoute(app, featureStore, served, serving);
  addQueryRoute(app, options.queries);
  addReadingsRoute(app, options.posted);
  addFeaturesRoute(app, { views, names: config.semantics.features });
  addLiveRoute(app, supervisor);
  addOpenApiRoute(app);
  addPageRoutes(app);
  const { httpHost: host, httpPort: port } = config.process;
  return {
    app,
    async listen() {
      try {
        return await app.listen({ host, port });
      } catch (error) {
        throw listenError(error, host, port);
      }
    },
    close: () => app.close(),
  };
}

function doorOptions({ process: settings }: Config, logger: Logger): DoorOptions {
  const { advertisedUrl, httpHost, httpHosts = [] } = settings;
  const advertised = advertisedUrl === undefined ? [] : [new URL(advertisedUrl).hostname];
  return {
    access: {
      tokens: settings.httpToken ?? [],
      readTokens: settings.httpReadToken ?? [],
      writeTokens: settings.httpWriteToken ?? [],
      reads: settings.httpReads,
    },
    hosts: [httpHost, ...advertised, ...httpHosts],
    bounds: {
      requestsPerClient: Math.floor(settings.httpConnectionsMax / 2),
      bodyBytesPerClient: 8 * bodyBytesMax,
      bodyBytes: 32 * bodyBytesMax,
    },
    logger,
    monotonicMs: () => performance.now(),
  };
}

function answerErrors(app: FastifyInstance, logger: Logger): void {
  app.setNotFoundHandler((request, reply) => {
    const message = `nothing is served at ${request.method} ${request.url}; see /openapi.json`;
    return reply.code(404).send({ error: 'not_found', message });
  });
  app.setErrorHandler((error, request, reply) => {
    const failure = error instanceof Error ? error : new Error(String(error));
    const told = toldToClients(failure);
    if (told !== undefined) {
      // Any other, as a right that is missing, stays until somebody acts.
      if (told.directive === 'retry') reply.header('retry-after', '1');
      else logger.warn({ url: request.url, error: told.message }, 'request not answered');
      return reply.code(503).send({ error: 'unavailable', message: told.message });
    }
    const status = 'statusCode' in failure ? Number(failure.statusCode) : 500;
    if (status >= 400 && status < 500) {
      return reply.code(status).send({ error: 'bad_request', message: failure.message });
    }
    logger.error({ url: request.url, error: failure.stack }, 'request failed');
    return reply.code(500).send({ error: 'internal', message: 'see the log of the process' });
  });
}

function listenError(error: unknown, host: string, port: number): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const details = { host, port };
  if (code === 'EADDRINUSE') {
    const message = `HTTP_PORT: port ${port} on ${host} is in use; choose another HTTP_PORT`;
    return new ConfigError(message, details, error);
  }
  if (code === 'EACCES') {
    const message = `HTTP_PORT: no permission to listen on port ${port}; choose one above 1023`;
    return new ConfigError(message, details, error);
  }
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    const message = `HTTP_HOST: ${host} is not an address of this machine`;
    return new ConfigError(message, details, error);
  }
  return error;
}
