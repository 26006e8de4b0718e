// Exits with 0 if the broker at HOST PORT answers a Metadata request with at least one broker, else
// with 1. Uses raw bytes and no package, so that it works before `npm ci`; an open port alone does
// not mean that the broker is ready.
import { connect } from 'node:net';

const [host = '127.0.0.1', port = '19092'] = process.argv.slice(2);

// size | api_key=3 Metadata | api_version=1 | correlation_id | client_id (null) | topics=[] (none)
const request = Buffer.alloc(4 + 14);
request.writeInt32BE(14, 0);
request.writeInt16BE(3, 4);
request.writeInt16BE(1, 6);
request.writeInt32BE(1, 8);
request.writeInt16BE(-1, 12);
request.writeInt32BE(0, 14);

const socket = connect(Number(port), host, () => socket.write(request));
socket.setTimeout(3000, () => process.exit(1));
socket.on('error', () => process.exit(1));
socket.on('close', () => process.exit(1));
let received = Buffer.alloc(0);
socket.on('data', (bytes) => {
  received = Buffer.concat([received, bytes]);
  // size | correlation_id | number of brokers | …
  if (received.length >= 12) process.exit(received.readInt32BE(8) > 0 ? 0 : 1);
});
