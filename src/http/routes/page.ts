// Serves the live page: plain files, read once at startup. It needs no build step and no other
// server.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

import type { FastifyInstance } from 'fastify';

const script = 'text/javascript; charset=utf-8';
const scripts = [
  ...['page.js', 'model.js', 'view.js', 'navigation.js', 'elements.js', 'theme.js', 'plot.js'],
  'refreshed-list.js',
  ...['sensor-table.js', 'sensor-dialog.js', 'sensor-commands.js'],
  ...['chart.js', 'chart-data.js', 'pipeline.js'],
  ...['alarms.js', 'dead-letters.js', 'failed-shards.js', 'operator-text.js', 'command-dialog.js'],
];
const own = (file: string): URL => new URL(`../web/${file}`, import.meta.url);
const require = createRequire(import.meta.url);
const files = [
  { path: '/', file: own('page.html'), type: 'text/html; charset=utf-8' },
  { path: '/page.css', file: own('page.css'), type: 'text/css; charset=utf-8' },
  { path: '/favicon.svg', file: own('favicon.svg'), type: 'image/svg+xml' },
  ...scripts.map((name) => ({ path: `/${name}`, file: own(name), type: script })),
  // The chart library, from its own package: nothing is copied, and nothing comes from elsewhere.
  { path: '/uplot.js', file: require.resolve('uplot/dist/uPlot.esm.js'), type: script },
  { path: '/uplot.css', file: require.resolve('uplot/dist/uPlot.min.css'), type: 'text/css' },
];

/** Allows only this server's own files, in case a hostile sensor id ever reached the markup. */
const contentSecurityPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Adds `GET /` and the files that the page loads. */
export function addPageRoutes(app: FastifyInstance): void {
  for (const { path, file, type } of files) {
    const content = readFileSync(file);
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
