// The bare server, plain or with TLS: its limits, and its certificate for as long as it listens.
import Fastify, { type FastifyInstance } from 'fastify';

import type { Config } from '../config/config.ts';
import type { Logger } from '../logger.ts';
import { readTlsPair, watchTlsPair, type TlsPairFiles } from './tls.ts';

const headersTimeoutMs = 10_000;
const connectionsCheckMs = 1_000;
const certificateLookMs = 5_000;

/** @throws ConfigError if the certificate or its key cannot be used. */
export function createApp(
  config: Config,
  limits: { readonly requestTimeoutMs: number; readonly bodyBytesMax: number },
  logger: Logger,
): FastifyInstance {
  const { bodyBytesMax: bodyLimit, requestTimeoutMs: requestTimeout } = limits;
  const options = {
    logger: false,
    bodyLimit,
    // A sensor id has up to 256 bytes; percent-encoding triples each.
    routerOptions: { maxParamLength: 1_024 },
    forceCloseConnections: true,
    requestTimeout,
  } as const;
  const checks = { connectionsCheckingInterval: connectionsCheckMs };
  const files = tlsFilesOf(config);
  const app =
    files === undefined
      ? Fastify({ ...options, http: checks })
      : secureApp({ ...options, https: checks }, files, logger);
  // Node swaps the two where that of the headers, 60 s by default, is the longer one.
  app.server.headersTimeout = Math.min(headersTimeoutMs, requestTimeout);
  app.server.maxConnections = config.process.httpConnectionsMax;
  return app;
}

function tlsFilesOf({ process: settings }: Config): TlsPairFiles | undefined {
  const { httpTlsCertFile: certFile, httpTlsKeyFile: keyFile } = settings;
  return certFile === undefined || keyFile === undefined ? undefined : { certFile, keyFile };
}

function secureApp(
  options: { readonly https: object },
  files: TlsPairFiles,
  logger: Logger,
): FastifyInstance {
  const pair = readTlsPair(files);
  const app = Fastify({ ...options, https: { ...options.https, ...pair } });
  const stop = watchTlsPair(files, pair, {
    everyMs: certificateLookMs,
    logger,
    use: (changed) => app.server.setSecureContext(changed),
  });
  app.addHook('onClose', (_instance, done) => {
    stop();
    done();
  });
  return app;
}
