// Notices failovers of a Redis Cluster that break no connection: a frozen or cut-off master keeps
// its connections open, and what it acknowledged last may be lost with it.
import type { Cluster } from 'ioredis';

/**
 * How often the client asks who serves which slot. It asks by itself after MOVED or a lost
 * connection, but a master that does not answer gives neither: every call to it timed out until it
 * came back.
 */
export const slotsRefreshMs = 5_000;

/** Calls `onDemoted` when a node that was a master is none any more. */
export function watchMasters(client: Cluster, onDemoted: () => void): void {
  let masters: ReadonlySet<string> = new Set();
  client.on('refresh', () => {
    const before = masters;
    masters = new Set(
      client.nodes('master').map(({ options }) => `${options.host}:${options.port}`),
    );
    for (const place of before) {
      if (!masters.has(place)) return onDemoted();
    }
  });
}
