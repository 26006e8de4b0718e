import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import {
  createServer as createTcpServer,
  type AddressInfo,
  type Server,
  type Socket,
} from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { expect, it } from 'vitest';

import { openFrameSocket } from '../../../src/log/kafka/frame-socket.ts';

const pem = readFileSync(new URL('localhost-tls.pem', import.meta.url));

const servers = {
  plain: (onSocket: (socket: Socket) => void): Server => createTcpServer(onSocket),
  TLS: (onSocket: (socket: Socket) => void): Server =>
    createTlsServer({ key: pem, cert: pem }, onSocket),
};

async function connected(
  kind: keyof typeof servers,
  sent: Buffer,
): Promise<{ readonly socket: Socket; readonly close: () => void }> {
  const server = servers[kind]((socket) => socket.end(sent)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const ssl = kind === 'TLS' ? { ca: pem, servername: 'localhost' } : undefined;
  const host = '127.0.0.1';
  const options = { host, port, onConnect: () => undefined };
  const socket = openFrameSocket(ssl === undefined ? options : { ...options, ssl });
  return { socket, close: () => server.close() };
}

function response(bytes: number): Buffer {
  const frame = Buffer.alloc(4 + bytes, bytes & 0xff);
  frame.writeInt32BE(bytes);
  return frame;
}

it.each(['plain', 'TLS'] as const)(
  'a %s socket hands over each response whole, small or long, and then its end',
  async (kind) => {
    const responses = [response(3), response(3_000_000), response(0), response(65_600)];
    const { socket, close } = await connected(kind, Buffer.concat(responses));
    const received: Buffer[] = [];
    socket.on('data', (frame: Buffer) => received.push(frame));

    await once(socket, 'end');

    expect(received.map((frame) => frame.length)).toEqual(responses.map((frame) => frame.length));
    expect(Buffer.concat(received).equals(Buffer.concat(responses))).toBe(true);
    close();
  },
);

it('a peer that is no Kafka broker is left with an error that says so', async () => {
  const { socket, close } = await connected('plain', Buffer.from('HTTP/1.1 400 Bad Request\r\n'));
  socket.on('data', () => undefined);

  const [error] = (await once(socket, 'error')) as [Error];

  expect(error.message).toMatch(/127\.0\.0\.1:\d+ is no Kafka broker.*1213486160 bytes/);
  close();
});
