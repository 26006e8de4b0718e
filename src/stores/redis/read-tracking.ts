// Server-assisted client-side caching: Redis reports, on a second connection, writes to keys we
// read.
//   https://redis.io/docs/latest/develop/reference/client-side-caching/
//
//   reads      CLIENT TRACKING ON REDIRECT <id of the other> ──▶ HMGET … in scripts
//   changes    SUBSCRIBE __redis__:invalidate ◀── keys that were written, deleted, expired; null for all
import type { Redis } from 'ioredis';

import type { Logger } from '../../logger.ts';
import type { Freshness } from './cached-reads.ts';

export interface ReadTracking extends Freshness {
  /** Idempotent. */
  close(): void;
}

export interface TrackingListener {
  /** The key was written, deleted or has expired. */
  changed(key: Buffer): void;
  /** Any key may have changed unreported. */
  allChanged(): void;
}

const channel = '__redis__:invalidate';
/**
 * Age of the last confirmation past which the cache is not trusted: a hung connection hides
 * changes.
 */
const staleMsMax = 1_000;
const askAfterMs = staleMsMax / 2;

/** The parts of a connection that tracking uses. */
export type TrackedConnection = Pick<
  Redis,
  'call' | 'client' | 'disconnect' | 'on' | 'ping' | 'status' | 'subscribe'
>;

/**
 * Tracks the keys read over `reads`. Changes are reported over `changes`, a separate connection
 * that does not resubscribe by itself. If Redis refuses (an ACL, a proxy), logs it once and is
 * never fresh.
 */
export function trackReads(options: {
  readonly reads: TrackedConnection;
  readonly changes: TrackedConnection;
  readonly listener: TrackingListener;
  readonly monotonicMs: () => number;
  readonly logger: Logger;
}): ReadTracking {
  return new RedisTracking(options);
}

type Options = Parameters<typeof trackReads>[0];

class RedisTracking implements ReadTracking {
  following = false;
  readonly #options: Options;
  /** Client id of the connection that receives changes; undefined while it is not subscribed. */
  #listenerId: string | undefined;
  /** Counts interruptions: an answer from before one proves nothing after it. */
  #breaks = 0;
  /** Every change up to this time has been reported. */
  #reportedUntilMs = -Infinity;
  #asking = false;
  #refusal = '';

  constructor(options: Options) {
    this.#options = options;
    const { reads, changes, listener } = options;
    changes.on('messageBuffer', (_channel, keys: unknown) => {
      if (!Array.isArray(keys)) return listener.allChanged();
      for (const key of keys) if (Buffer.isBuffer(key)) listener.changed(key);
    });
    changes.on('ready', () => void this.#listen());
    reads.on('ready', () => void this.#track());
    for (const connection of [reads, changes]) {
      // The connection's owner logs its errors.
      connection.on('error', () => undefined);
      connection.on('close', () => this.#broken(connection));
    }
  }

  isFresh(): boolean {
    if (!this.following) return false;
    const nowMs = this.#options.monotonicMs();
    if (nowMs - this.#reportedUntilMs > askAfterMs) void this.#ask(nowMs);
    return nowMs - this.#reportedUntilMs <= staleMsMax;
  }

  close(): void {
    this.#options.changes.disconnect();
  }

  #broken(connection: TrackedConnection): void {
    this.following = false;
    this.#breaks += 1;
    if (connection === this.#options.changes) this.#listenerId = undefined;
    this.#options.listener.allChanged();
  }

  async #listen(): Promise<void> {
    const { changes } = this.#options;
    try {
      const id = await changes.client('ID');
      await changes.subscribe(channel);
      this.#listenerId = String(id);
    } catch (error) {
      return this.#refused(error, [changes]);
    }
    await this.#track();
  }

  async #track(): Promise<void> {
    const { changes, reads } = this.#options;
    const breaks = this.#breaks;
    if (this.#listenerId === undefined || reads.status !== 'ready') return;
    try {
      await reads.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', this.#listenerId);
      this.following = breaks === this.#breaks;
      this.#refusal = '';
    } catch (error) {
      this.#refused(error, [reads, changes]);
    }
  }

  /**
   * Changes and answers share one connection: a change made before the ping is reported before its
   * answer.
   */
  async #ask(nowMs: number): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    const breaks = this.#breaks;
    try {
      await this.#options.changes.ping();
      if (breaks === this.#breaks) this.#reportedUntilMs = nowMs;
    } catch {
      // Nothing is fresh until the connection answers again.
    } finally {
      this.#asking = false;
    }
  }

  /** The error is a refusal unless one of `asked`, the connections it is about, was lost. */
  #refused(error: unknown, asked: readonly TrackedConnection[]): void {
    const { logger } = this.#options;
    const lost = asked.some(({ status }) => status !== 'ready');
    const reason = error instanceof Error ? error.message : String(error);
    if (lost || reason === this.#refusal) return;
    this.#refusal = reason;
    logger.warn(
      { reason },
      'Redis does not report changes, so every read of features goes to Redis',
    );
  }
}
