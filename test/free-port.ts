// A port for a server that a test starts.
import { createServer } from 'node:net';

// Below those that systems give to outgoing connections, one of which could take it before the server does.
const firstPort = 20_000;
const ports = 12_000;

/** Returns a TCP port of 127.0.0.1 that was free a moment ago, as were the following ones of `inARow`. */
export async function freePort({ inARow = 1 }: { readonly inARow?: number } = {}): Promise<number> {
  for (;;) {
    const port = firstPort + Math.floor(Math.random() * ports);
    const free = await Promise.all(
      Array.from({ length: inARow }, (_, step) => isFree(port + step)),
    );
    if (free.every(Boolean)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
