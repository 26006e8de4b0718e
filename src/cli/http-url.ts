// The address of the program's own HTTP server.
import type { Config } from '../config/config.ts';

/** Returns the URL of the server that `settings` describes, reached at `host`. */
export function httpUrl(settings: Config['process'], host: string = settings.httpHost): string {
  const scheme = settings.httpTlsCertFile === undefined ? 'http' : 'https';
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${settings.httpPort}`;
}
