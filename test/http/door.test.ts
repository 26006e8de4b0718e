// Checks that the door applies to every route: bounds, names, origins, tokens, an audit line.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

import { afterEach, describe, expect, it } from 'vitest';

import { parseConfig, type Environment } from '../../src/config/config.ts';
import { isLoopback, networkOf } from '../../src/http/door/addresses.ts';
import { FailedTokens } from '../../src/http/door/failed-tokens.ts';
import { hostCheck } from '../../src/http/door/host-names.ts';
import { OpenRequests } from '../../src/http/door/open-requests.ts';
import { isPossibleId, readPossible } from '../../src/http/possible-ids.ts';
import { createHttpServer, type HttpServer } from '../../src/http/server.ts';
import { keepingLogger, type LoggedLine } from '../supervisor/keeping-logger.ts';
import { emptyStore, InMemorySupervisor, sensorView } from './in-memory-supervisor.ts';

const servers: HttpServer[] = [];
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

interface Served {
  readonly server: HttpServer;
  readonly supervisor: InMemorySupervisor;
  readonly lines: LoggedLine[];
  ask(request: {
    readonly method?: 'GET' | 'POST';
    readonly url: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly remoteAddress?: string;
    readonly payload?: string;
  }): Promise<Answer>;
}

interface Answer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
  json<T>(): T;
}

function serve(env: Environment = {}, requestTimeoutMs?: number): Served {
  const lines: LoggedLine[] = [];
  const supervisor = new InMemorySupervisor();
  supervisor.sensorViews = new Map([['a', sensorView('a')]]);
  const server = createHttpServer({
    supervisor,
    featureStore: emptyStore,
    config: parseConfig({ HTTP_PORT: '0', ...env }),
    logger: keepingLogger(lines),
    ...(requestTimeoutMs === undefined ? {} : { requestTimeoutMs }),
  });
  servers.push(server);
  return {
    server,
    supervisor,
    lines,
    ask: (request) => server.app.inject({ method: 'GET', ...request }),
  };
}

const bearer = (token: string, scheme = 'Bearer'): { readonly authorization: string } => ({
  authorization: `${scheme} ${token}`,
});
const elsewhere = '192.0.2.7';

describe('a read', () => {
  it('is open to programs of this machine alone, health to everybody', async () => {
    const { ask } = serve();
    const statusOf = async (url: string, remoteAddress: string): Promise<number> =>
      (await ask({ url, remoteAddress })).statusCode;

    expect(await statusOf('/supervisor', '127.0.0.1')).toBe(200);
    expect(await statusOf('/supervisor', '::ffff:127.0.0.1')).toBe(200);
    for (const url of ['/', '/supervisor', '/metrics', '/sensors/a', '/live', '/nothing']) {
      expect([url, await statusOf(url, elsewhere)]).toEqual([url, 403]);
    }
    const refused = await ask({ url: '/supervisor', remoteAddress: elsewhere });
    expect(refused.json<{ message: string }>().message).toMatch(/HTTP_READ_TOKEN.*HTTP_READS=open/);
    expect(await statusOf('/health/live', elsewhere)).toBe(200);
  });

  it('is open to everybody with HTTP_READS=open, and to nobody without a token with =token', async () => {
    const open = serve({ HTTP_READS: 'open' });
    const closed = serve({ HTTP_READS: 'token', HTTP_READ_TOKEN: 'r' });

    expect((await open.ask({ url: '/supervisor', remoteAddress: elsewhere })).statusCode).toBe(200);
    expect((await closed.ask({ url: '/supervisor' })).statusCode).toBe(401);
    expect((await closed.ask({ url: '/supervisor', headers: bearer('r') })).statusCode).toBe(200);
  });

  it('is admitted by either of two read tokens and by the token of commands, in any case of Bearer', async () => {
    const { ask } = serve({ HTTP_READ_TOKEN: 'old,new', HTTP_TOKEN: 'write' });
    const statusOf = async (headers: Readonly<Record<string, string>>): Promise<number> =>
      (await ask({ url: '/supervisor', remoteAddress: elsewhere, headers })).statusCode;

    for (const token of ['old', 'new', 'write']) expect(await statusOf(bearer(token))).toBe(200);
    expect(await statusOf(bearer('new', 'bEaReR'))).toBe(200);
    const password = Buffer.from('anybody:new').toString('base64');
    expect(await statusOf(bearer(password, 'Basic'))).toBe(200);
    for (const token of ['wrong', 'ol', 'old,new', '']) {
      expect([token, await statusOf(bearer(token))]).toEqual([token, 401]);
    }
    expect(await statusOf({})).toBe(401);
  });

  it('makes a browser ask for the token', async () => {
    const { ask } = serve({ HTTP_READ_TOKEN: 'r' });

    const { headers, statusCode } = await ask({ url: '/', remoteAddress: elsewhere });

    expect(statusCode).toBe(401);
    expect(headers['www-authenticate']).toBe('Basic realm="Sensorium", Bearer');
  });

  it('of features is one, though it is a POST', async () => {
    const { ask } = serve({ HTTP_READ_TOKEN: 'r' });
    const asked = {
      method: 'POST',
      url: '/get-online-features',
      remoteAddress: elsewhere,
    } as const;
    const payload = '{"features":["sensor_features:count"],"entities":{"sensor_id":["a"]}}';

    expect((await ask({ ...asked, payload })).statusCode).toBe(401);
    expect((await ask({ ...asked, payload, headers: bearer('r') })).statusCode).toBe(200);
  });
});

describe('a command', () => {
  it('needs the token of commands, from everywhere: no other is enough', async () => {
    const tokens = { HTTP_READ_TOKEN: 'r', HTTP_WRITE_TOKEN: 'w' };
    const { ask, supervisor } = serve({ HTTP_TOKEN: 'one,two', ...tokens });
    const url = '/sensors/a/quarantine';
    const statusOf = async (headers: Readonly<Record<string, string>>): Promise<number> =>
      (await ask({ method: 'POST', url, headers })).statusCode;

    expect(await statusOf({})).toBe(401);
    for (const token of ['r', 'w']) expect(await statusOf(bearer(token))).toBe(401);
    expect(supervisor.commands).toEqual([]);
    for (const token of ['one', 'two']) expect(await statusOf(bearer(token))).toBe(200);
  });

  it('is a line in the log: who, from where, what, with which result', async () => {
    const { ask, lines } = serve({ HTTP_TOKEN: 'one,two' });

    await ask({
      method: 'POST',
      url: '/sensors/a/quarantine?reason=drifts',
      headers: bearer('two'),
      remoteAddress: elsewhere,
    });
    await ask({ url: '/supervisor' });

    expect(lines.filter(({ message }) => message === 'command')).toEqual([
      {
        level: 'warn',
        message: 'command',
        fields: {
          who: 'HTTP_TOKEN 2',
          from: elsewhere,
          method: 'POST',
          url: '/sensors/a/quarantine?reason=drifts',
          status: 200,
        },
      },
    ]);
    expect(JSON.stringify(lines)).not.toContain('two');
  });

  it('takes its reason from the body too, and refuses a body that is something else', async () => {
    const { ask, supervisor } = serve({ HTTP_TOKEN: 't' });
    const post = (payload: string): ReturnType<Served['ask']> =>
      ask({ method: 'POST', url: '/sensors/a/quarantine', headers: bearer('t'), payload });

    await post('{"reason":"drifts"}');
    const refused = await Promise.all(['{"why":1}', '[]', 'drifts', '{"reason":1}'].map(post));

    expect(supervisor.commands.map(({ message }) => message)).toEqual(['drifts']);
    expect(refused.map(({ statusCode }) => statusCode)).toEqual([422, 422, 422, 422]);
  });
});

describe('a wrong token', () => {
  it('is a line in the log, one for many, and refuses its client for a while', async () => {
    const { ask, lines } = serve({ HTTP_TOKEN: 't' });
    const post = (token: string, remoteAddress: string): ReturnType<Served['ask']> =>
      ask({ method: 'POST', url: '/sensors/a/reset', headers: bearer(token), remoteAddress });
    const statuses: number[] = [];
    for (let guess = 0; guess < 12; guess += 1) {
      statuses.push((await post(`guess-${guess}`, elsewhere)).statusCode);
    }

    const right = await post('t', elsewhere);

    expect(statuses).toEqual([...Array.from({ length: 10 }, () => 401), 429, 429]);
    expect(right.statusCode).toBe(429);
    expect(Number(right.headers['retry-after'])).toBeGreaterThan(50);
    expect((await post('t', '192.0.2.8')).statusCode).toBe(200);
    const logged = lines.filter(({ message }) => message === 'a wrong token was refused');
    expect(logged).toHaveLength(2);
    expect(logged[0]?.fields).toMatchObject({ from: elsewhere, url: '/sensors/a/reset' });
    expect(JSON.stringify(lines)).not.toContain('guess');
  });

  it('is forgiven after a minute, and remembered of so many clients only', () => {
    let nowMs = 0;
    const failed = new FailedTokens(() => nowMs);
    for (let count = 0; count < 10; count += 1) failed.add('a');
    expect(failed.refusedForS('a')).toBe(60);
    nowMs = 60_000;
    expect(failed.refusedForS('a')).toBeUndefined();

    for (let count = 0; count < 10; count += 1) failed.add('a');
    for (let client = 0; client < 10_000; client += 1) failed.add(`other-${client}`);
    expect(failed.refusedForS('a')).toBeUndefined();
  });
});

describe('a page of another site', () => {
  it.each([
    [{ 'sec-fetch-site': 'cross-site' }, 403],
    [{ 'sec-fetch-site': 'same-site' }, 403],
    [{ origin: 'https://evil.example' }, 403],
    [{ origin: 'null' }, 403],
    [{ origin: 'http://localhost:81', host: 'localhost:80' }, 403],
    [{ origin: 'http://sensorium:8080', host: 'sensorium:8080' }, 200],
    [{ 'sec-fetch-site': 'same-origin', origin: 'http://sensorium', host: 'sensorium' }, 200],
    [{}, 200],
  ])('cannot command: %o is %d', async (headers, status) => {
    const { ask } = serve({ HTTP_TOKEN: 't' });

    const answer = await ask({
      method: 'POST',
      url: '/sensors/a/reset',
      headers: { ...headers, ...bearer('t') },
    });

    expect(answer.statusCode).toBe(status);
  });

  it('cannot read by a name of its own that points here', async () => {
    const { ask } = serve({
      HTTP_READS: 'open',
      HTTP_HOSTS: 'sensorium.example.org,*.corp.example',
    });
    const statusOf = async (host: string): Promise<number> =>
      (await ask({ url: '/supervisor', headers: { host } })).statusCode;

    for (const host of [
      'evil.example',
      'evil.example:8080',
      '127.0.0.1.evil.example',
      'corp.example',
    ]) {
      expect([host, await statusOf(host)]).toEqual([host, 403]);
    }
    expect(await statusOf('sensorium.example.org:8080')).toBe(200);
    expect(await statusOf('a.corp.example')).toBe(200);
  });

  it('gets no answer whose type it could take for another', async () => {
    const { ask } = serve();

    for (const url of ['/', '/supervisor', '/nothing', '/page.js']) {
      expect((await ask({ url })).headers['x-content-type-options']).toBe('nosniff');
    }
  });
});

describe('names that nobody can register', () => {
  const isHost = hostCheck(['127.0.0.1']);

  it.each([
    'localhost',
    'LOCALHOST:80',
    'sensorium',
    '10.0.0.1:8080',
    '[::1]:8080',
    'a.svc',
    'b.ns.svc.cluster.local:1',
  ])('are allowed: %s', (host) => expect(isHost(host)).toBe(true));

  it.each(['a.example', 'localhost.example', '127.0.0.1.example.', 'svc.example', '1.2.3.4.5'])(
    'are no others: %s',
    (host) => expect(isHost(host)).toBe(false),
  );

  it('and any with *', () => expect(hostCheck(['*'])('a.example')).toBe(true));
});

describe('a client', () => {
  it('of IPv6 is its network; of IPv4 it is its address, however written', () => {
    expect(networkOf('2001:db8:1:2:3:4:5:6')).toBe('2001:db8:1:2::/64');
    expect(networkOf('2001:db8::9')).toBe(networkOf('2001:db8::1:2:3'));
    expect(networkOf('fe80::1%eth0')).toBe('fe80:0:0:0::/64');
    expect(networkOf('::ffff:192.0.2.1')).toBe('192.0.2.1');
    expect([isLoopback('::1'), isLoopback('127.9.9.9'), isLoopback('::ffff:127.0.0.1')]).toEqual([
      true,
      true,
      true,
    ]);
    expect([isLoopback('::2'), isLoopback('128.0.0.1'), isLoopback('')]).toEqual([
      false,
      false,
      false,
    ]);
  });

  it('may have so many requests and bytes of bodies under way, and all together so many', () => {
    const open = new OpenRequests({
      requestsPerClient: 3,
      bodyBytesPerClient: 100,
      bodyBytes: 150,
    });
    const leave = open.enter('a', 60);
    expect(open.enter('a', 60)).toBeUndefined();
    const rest = open.enter('a', 40);
    expect(open.enter('a', 0)).toBeDefined();
    expect(open.enter('a', 0)).toBeUndefined();
    expect(open.enter('b', 60)).toBeUndefined();
    leave?.();

    expect(open.enter('b', 60)).toBeDefined();
    expect(open.enter('a', 60)).toBeUndefined();
    rest?.();
    expect(open.enter('a', 60)).toBeDefined();
  });

  it(
    'that sends its bodies slowly is refused beyond a bound, and each is ended',
    {
      timeout: 20_000,
    },
    async () => {
      const { server } = serve({}, 1_500);
      const port = Number(new URL(await server.listen()).port);
      const answers: Promise<string>[] = [];
      for (let body = 0; body < 12; body += 1) {
        const socket = connect(port, '127.0.0.1');
        sockets.push(socket);
        let text = '';
        socket.on('data', (bytes: Buffer) => (text += bytes.toString()));
        answers.push(once(socket, 'close').then(() => text.split('\r\n')[0] ?? ''));
        const head =
          'POST /get-online-features HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n';
        socket.write(`${head}content-length: 4000000\r\n\r\n{"features":`);
        socket.on('error', () => undefined);
      }

      const statuses = (await Promise.all(answers)).map((line) => line.split(' ')[1]).sort();

      // Eight fit into what one client may have under way.
      expect(statuses.filter((status) => status === '429')).toHaveLength(4);
      expect(statuses.filter((status) => status === '408')).toHaveLength(8);
      expect((await fetch(`http://127.0.0.1:${port}/health/live`)).status).toBe(200);
    },
  );
});

describe('an id that no sensor can have', () => {
  it.each(['x'.repeat(257), '\u00e9'.repeat(129), '\u20ac'.repeat(86)])(
    'is asked of no store: %s',
    async (long) => {
      const asked: string[] = [];
      const read = (ids: readonly string[]): Promise<readonly number[]> => {
        asked.push(...ids);
        return Promise.resolve(ids.map((_, index) => index));
      };

      expect(await readPossible(['a', long, 'b'], read)).toEqual([0, undefined, 1]);
      expect(await readPossible([long], read)).toEqual([undefined]);
      expect(asked).toEqual(['a', 'b']);
    },
  );

  it('has more than 256 bytes', () => {
    expect(isPossibleId('\u00e9'.repeat(128))).toBe(true);
  });
});
