// A keep-alive connection that posts and awaits the response, with little work of its own:
// node:http would cost the client several times as much as the server, and both share the machine.
// It needs responses with a content-length, which all measured servers send.
import { connect } from 'node:net';
import { once } from 'node:events';

const headEnd = Buffer.from('\r\n\r\n');

/**
 * Returns a connection to the host and port of `url`; `post(message)` takes what `postOf` returns,
 * one at a time.
 */
export async function openConnection(url) {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  await once(socket, 'connect');
  let received = Buffer.alloc(0);
  let waiting;
  socket.on('data', (chunk) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    const answer = wholeAnswer(received);
    if (answer === undefined) return;
    received = Buffer.alloc(0);
    if (answer.status === 200) waiting.resolve(answer.body);
    else waiting.reject(new Error(`${url}: ${answer.status} ${answer.body.toString()}`));
  });
  const lost = (error) => waiting?.reject(error ?? new Error(`${url}: the connection was closed`));
  socket.on('error', lost);
  socket.on('close', () => lost());
  return {
    /** Resolves to the body, a Buffer. @throws unless the status is 200. */
    post(message) {
      return new Promise((resolve, reject) => {
        waiting = { resolve, reject };
        socket.write(message);
      });
    },
    close: () => socket.destroy(),
  };
}

/** Returns the bytes of a POST of the JSON text `body`. */
export function postOf(path, body) {
  const head = `POST ${path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n`;
  return Buffer.from(`${head}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
}

function wholeAnswer(bytes) {
  const end = bytes.indexOf(headEnd);
  if (end < 0) return undefined;
  const head = bytes.latin1Slice(0, end);
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (length === undefined) throw new Error(`an answer without content-length: ${head}`);
  const from = end + headEnd.length;
  if (bytes.length < from + Number(length)) return undefined;
  return { status: Number(head.slice(9, 12)), body: bytes.subarray(from, from + Number(length)) };
}
