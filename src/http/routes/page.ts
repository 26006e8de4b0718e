// Serves the live page: plain files, read once at startup. It needs no build step and no other
// server.
import { readFileSync } from 'node:fs';

import type { FastifyInstance } from 'fastify';

const files = [
  { path: '/', file: 'page.html', type: 'text/html; charset=utf-8' },
  { path: '/page.css', file: 'page.css', type: 'text/css; charset=utf-8' },
  { path: '/page.js', file: 'page.js', type: 'text/javascript; charset=utf-8' },
  { path: '/model.js', file: 'model.js', type: 'text/javascript; charset=utf-8' },
  { path: '/elements.js', file: 'elements.js', type: 'text/javascript; charset=utf-8' },
  { path: '/sensor-dialog.js', file: 'sensor-dialog.js', type: 'text/javascript; charset=utf-8' },
  { path: '/theme.js', file: 'theme.js', type: 'text/javascript; charset=utf-8' },
  { path: '/favicon.svg', file: 'favicon.svg', type: 'image/svg+xml' },
] as const;

/** Allows only this server's own files, in case a hostile sensor id ever reached the markup. */
const contentSecurityPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Adds `GET /` and the files that the page loads. */
export function addPageRoutes(app: FastifyInstance): void {
  for (const { path, file, type } of files) {
    const content = readFileSync(new URL(`../web/${file}`, import.meta.url));
    app.get(path, (_request, reply) =>
      reply
        .header('content-type', type)
        .header('content-security-policy', contentSecurityPolicy)
        .header('x-content-type-options', 'nosniff')
        .header('cache-control', 'no-cache')
        .send(content),
    );
  }
}
