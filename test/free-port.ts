// A port for a server that a test starts.
import { createServer } from 'node:net';

// Below those that systems give to outgoing connections, one of which could take it before the server does.
const firstPort = 20_000;
const ports = 12_000;

/** Returns a TCP port of 127.0.0.1 that was free a moment ago, and, where asked for, the one after it as well. */
export async function freePort({
  pair = false,
}: { readonly pair?: boolean } = {}): Promise<number> {
  for (;;) {
    const port = firstPort + Math.floor(Math.random() * ports);
    if ((await isFree(port)) && (!pair || (await isFree(port + 1)))) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
