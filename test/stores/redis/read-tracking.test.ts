import { EventEmitter } from 'node:events';
import { expect, it } from 'vitest';

import { trackReads, type TrackedConnection } from '../../../src/stores/redis/read-tracking.ts';
import { keepingLogger, type LoggedLine } from '../../supervisor/keeping-logger.ts';

/** A connection as far as the refusal of its first command. */
function connection(status: string): EventEmitter & TrackedConnection {
  const refusal = new Error("NOPERM this user has no permissions to run the 'client' command");
  const parts: unknown = Object.assign(new EventEmitter(), {
    status,
    client: () => Promise.reject(refusal),
  });
  return parts as EventEmitter & TrackedConnection;
}

it.each(['connecting', 'ready'])(
  'a refusal of the connection for changes is logged while that for reads is %s',
  async (status) => {
    const lines: LoggedLine[] = [];
    const [reads, changes] = [connection(status), connection('ready')];
    trackReads({
      reads,
      changes,
      listener: { changed: () => undefined, allChanged: () => undefined },
      monotonicMs: () => 0,
      logger: keepingLogger(lines),
    });

    changes.emit('ready');

    await expect
      .poll(() => lines.map(({ message }) => message))
      .toEqual(['Redis does not report changes, so every read of features goes to Redis']);
  },
);
