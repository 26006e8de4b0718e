// Server-sent events for the page: once a second the supervision tree and the rows projected since
// the last event; the first event carries all recent rows. A slow client misses events: none are
// queued for it.
import { PassThrough } from 'node:stream';

import type { FastifyInstance } from 'fastify';

import type { SupervisorView } from '../../supervisor/supervisor-view.ts';

const intervalMs = 1_000;
const clientsMax = 64;

/** Adds `GET /live`: events named `status`, data = { tree, readiness, rows }. */
export function addLiveRoute(app: FastifyInstance, supervisor: SupervisorView): void {
  const clients = new Set<Client>();
  let timer: NodeJS.Timeout | undefined;
  const leave = (client: Client): void => {
    clients.delete(client);
    if (clients.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
  const beat = (): void => {
    const status = { tree: supervisor.tree(), readiness: supervisor.ready() };
    for (const client of clients) sendStatus(client, status, supervisor);
  };
  app.get('/live', (_request, reply) => {
    if (clients.size >= clientsMax) {
      const message = `the limit of ${clientsMax} live clients is reached`;
      return reply.code(503).send({ error: 'unavailable', message });
    }
    const client = { stream: new PassThrough(), cursor: 0 };
    client.stream.on('close', () => leave(client));
    clients.add(client);
    // EventSource reconnects after this time, so a restarted process is found within two seconds.
    client.stream.write('retry: 2000\n\n');
    sendStatus(client, { tree: supervisor.tree(), readiness: supervisor.ready() }, supervisor);
    timer ??= setInterval(beat, intervalMs);
    return reply
      .header('content-type', 'text/event-stream; charset=utf-8')
      .header('cache-control', 'no-store')
      .header('x-accel-buffering', 'no')
      .send(client.stream);
  });
  app.addHook('preClose', (done) => {
    for (const { stream } of clients) stream.end();
    done();
  });
}

interface Client {
  readonly stream: PassThrough;
  cursor: number;
}

function sendStatus(client: Client, status: object, supervisor: SupervisorView): void {
  if (client.stream.writableNeedDrain) return;
  const { cursor, rows } = supervisor.recentRows(client.cursor);
  client.cursor = cursor;
  client.stream.write(`event: status\ndata: ${JSON.stringify({ ...status, rows })}\n\n`);
}
