// Server-sent events for the page: once a second the supervision tree and the rows projected since
// the last event; the first event carries all recent rows. A slow client misses events: none are
// queued for it, and one that reads nothing for half a minute is dropped. Where all
// places are taken, the address with the most gives one up to an address that has fewer.
import { PassThrough } from 'node:stream';

import type { FastifyInstance } from 'fastify';

import type { RecentRows, SupervisorView } from '../../supervisor/supervisor-view.ts';
import { networkOf } from '../door/addresses.ts';

const intervalMs = 1_000;
const clientsMax = 64;
const beatsUnreadMax = 30;

/**
 * Adds `GET /live`: events named `status`, data = { tree, readiness, rows }; without the rows at
 * `?rows=false`.
 */
export function addLiveRoute(app: FastifyInstance, supervisor: SupervisorView): void {
  const clients = new Set<Client>();
  let timer: NodeJS.Timeout | undefined;
  const leave = (client: Client): void => {
    clients.delete(client);
    if (clients.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
  const statusNow = (): object => ({ tree: supervisor.tree(), readiness: supervisor.ready() });
  const beat = (): void => {
    const status = statusNow();
    for (const client of clients) sendStatus(client, status, supervisor);
  };
  app.get<{ Querystring: { rows?: string } }>('/live', (request, reply) => {
    const from = networkOf(request.ip);
    if (clients.size >= clientsMax) {
      const greedy = greediest(clients, from);
      if (greedy === undefined) {
        const message = `the limit of ${clientsMax} live clients is reached`;
        return reply.code(503).header('retry-after', '5').send({ error: 'unavailable', message });
      }
      leave(greedy);
      greedy.stream.destroy();
    }
    const rows = request.query.rows !== 'false';
    const client = { stream: new PassThrough(), rows, cursor: 0, from, beatsUnread: 0 };
    client.stream.on('close', () => leave(client));
    clients.add(client);
    // EventSource reconnects after this time, so a restarted process is found within two seconds.
    client.stream.write('retry: 2000\n\n');
    sendStatus(client, statusNow(), supervisor);
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
  readonly from: string;
  /** Whether its events carry the projected rows. */
  readonly rows: boolean;
  cursor: number;
  /** Events in a row that it had no room for. */
  beatsUnread: number;
}

/**
 * Returns the oldest of the clients that hold the most places together; undefined where `from`
 * would then hold as many.
 */
function greediest(clients: ReadonlySet<Client>, from: string): Client | undefined {
  const places = new Map<string, number>();
  for (const client of clients) places.set(client.from, (places.get(client.from) ?? 0) + 1);
  const most = Math.max(...places.values());
  if (most < (places.get(from) ?? 0) + 2) return undefined;
  return [...clients].find((client) => places.get(client.from) === most);
}

function sendStatus(client: Client, status: object, supervisor: SupervisorView): void {
  if (client.stream.writableNeedDrain) {
    client.beatsUnread += 1;
    if (client.beatsUnread >= beatsUnreadMax) client.stream.destroy();
    return;
  }
  client.beatsUnread = 0;
  const data = client.rows ? { ...status, rows: rowsFor(client, supervisor) } : status;
  client.stream.write(`event: status\ndata: ${JSON.stringify(data)}\n\n`);
}

/** Returns the rows since the client's cursor, and moves the cursor behind them. */
function rowsFor(client: Client, supervisor: SupervisorView): RecentRows['rows'] {
  const { cursor, rows } = supervisor.recentRows(client.cursor);
  client.cursor = cursor;
  return rows;
}
