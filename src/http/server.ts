// The HTTP server: health, metrics, the supervision tree, live sensors, online features, the page.
// Everything is read-only except commands on sensors and shards, which need the token.
import Fastify, { type FastifyInstance } from 'fastify';

import type { Config } from '../config/config.ts';
import { ConfigError, isSensoriumError } from '../errors.ts';
import { featureTopics } from '../log/topics.ts';
import type { Logger } from '../logger.ts';
import type { FeatureStore } from '../stores/feature-store.ts';
import type { SensorOwners } from '../supervisor/sensor-owners.ts';
import type { SupervisorView } from '../supervisor/supervisor-view.ts';
import { addFeaturesRoute } from './routes/features.ts';
import { addHealthRoutes } from './routes/health.ts';
import { addLiveRoute } from './routes/live.ts';
import { addMetricsRoute } from './routes/metrics.ts';
import { addOnlineFeaturesRoute } from './routes/online-features.ts';
import { addOpenApiRoute } from './routes/openapi.ts';
import { addPageRoutes } from './routes/page.ts';
import { addSensorCommandRoutes } from './routes/sensor-commands.ts';
import { addSensorRoutes } from './routes/sensors.ts';
import { addShardRoutes } from './routes/shards.ts';
import { addSupervisorRoute } from './routes/supervisor.ts';

export interface HttpServerOptions {
  readonly supervisor: SupervisorView;
  /** Absent if there is no other process in the group. */
  readonly owners?: SensorOwners;
  readonly featureStore: Pick<FeatureStore, 'ping' | 'read' | 'readKept' | 'rowsRead'>;
  readonly config: Config;
  readonly logger: Logger;
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

const nobodyElse: SensorOwners = {
  urlsOf: () => Promise.resolve([]),
  urlsOfShard: () => Promise.resolve([]),
};

/** Returns the server with all its routes, not yet listening. */
export function createHttpServer(options: HttpServerOptions): HttpServer {
  const { config, featureStore, supervisor, owners = nobodyElse } = options;
  const app = Fastify({
    logger: false,
    bodyLimit: 4 * 1024 * 1024,
    // A sensor id has up to 256 bytes; percent-encoding triples each.
    routerOptions: { maxParamLength: 1_024 },
    forceCloseConnections: true,
  });
  answerErrors(app, options.logger);
  addHealthRoutes(app, supervisor, featureStore);
  addMetricsRoute(app, supervisor, featureStore);
  addSupervisorRoute(app, supervisor);
  addSensorRoutes(app, supervisor, owners, config.process.anomalyEvents);
  addSensorCommandRoutes(app, supervisor, owners, config.process.httpToken);
  addShardRoutes(app, supervisor, owners, config.process.httpToken);
  const views = featureTopics(config).map(({ view }) => view);
  addOnlineFeaturesRoute(app, featureStore, { views, features: config.semantics.features });
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

function answerErrors(app: FastifyInstance, logger: Logger): void {
  app.setNotFoundHandler((request, reply) => {
    const message = `nothing is served at ${request.method} ${request.url}; see /openapi.json`;
    return reply.code(404).send({ error: 'not_found', message });
  });
  app.setErrorHandler((error, request, reply) => {
    const failure = error instanceof Error ? error : new Error(String(error));
    if (isSensoriumError(failure) && failure.directive === 'retry') {
      return reply
        .code(503)
        .header('retry-after', '1')
        .send({ error: 'unavailable', message: failure.message });
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
