import { EventEmitter } from 'node:events';
import type { Redis } from 'ioredis';
import { expect, it } from 'vitest';

import { trackReads } from '../../../src/stores/redis/read-tracking.ts';
import { keepingLogger, type LoggedLine } from '../../supervisor/keeping-logger.ts';

/** A connection as far as the refusal of its first command. */
function connection(status: string): EventEmitter {
  const refusal = new Error("NOPERM this user has no permissions to run the 'client' command");
  return Object.assign(new EventEmitter(), { status, client: () => Promise.reject(refusal) });
}

it.each(['connecting', 'ready'])(
  'a refusal of the connection for changes is logged while that for reads is %s',
  async (status) => {
    const lines: LoggedLine[] = [];
    const [reads, changes] = [connection(status), connection('ready')];
    trackReads({
      reads: reads as Redis,
      changes: changes as Redis,
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
