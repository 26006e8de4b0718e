// Redis tells which keys that we read were written since: server-assisted client-side caching, on a second connection.
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
  /** Anything may have changed without a word. */
  allChanged(): void;
}

const channel = '__redis__:invalidate';
/** How old the last certain moment may be before rows are read again: what a connection that hangs can hide. */
const staleMsMax = 1_000;
const askAfterMs = staleMsMax / 2;

/**
 * Follows the keys read over `reads`, told over `changes`, a connection of its own that does not subscribe again by
 * itself. Where Redis refuses (an ACL, a proxy) it says so in the log and nothing is ever fresh.
 */
export function trackReads(options: {
  readonly reads: Redis;
  readonly changes: Redis;
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
  /** Of the connection that hears of changes; undefined while it does not. */
  #listenerId: string | undefined;
  /** Counts what ends the following: an answer of before means nothing after. */
  #breaks = 0;
  /** All changes up to then were told. */
  #toldUntilMs = -Infinity;
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
      // Who uses the connection tells of its errors.
      connection.on('error', () => undefined);
      connection.on('close', () => this.#broken(connection));
    }
  }

  isFresh(): boolean {
    if (!this.following) return false;
    const nowMs = this.#options.monotonicMs();
    if (nowMs - this.#toldUntilMs > askAfterMs) void this.#ask(nowMs);
    return nowMs - this.#toldUntilMs <= staleMsMax;
  }

  close(): void {
    this.#options.changes.disconnect();
  }

  #broken(connection: Redis): void {
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
      return this.#refused(error);
    }
    await this.#track();
  }

  async #track(): Promise<void> {
    const { reads } = this.#options;
    const breaks = this.#breaks;
    if (this.#listenerId === undefined || reads.status !== 'ready') return;
    try {
      await reads.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', this.#listenerId);
      this.following = breaks === this.#breaks;
      this.#refusal = '';
    } catch (error) {
      this.#refused(error);
    }
  }

  /** Changes and answers come over one connection: whatever was written before it was asked is told before it answers. */
  async #ask(nowMs: number): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    const breaks = this.#breaks;
    try {
      await this.#options.changes.ping();
      if (breaks === this.#breaks) this.#toldUntilMs = nowMs;
    } catch {
      // It closes, or nothing is fresh until it answers.
    } finally {
      this.#asking = false;
    }
  }

  #refused(error: unknown): void {
    const { reads, changes, logger } = this.#options;
    const lost = reads.status !== 'ready' || changes.status !== 'ready';
    const reason = error instanceof Error ? error.message : String(error);
    if (lost || reason === this.#refusal) return;
    this.#refusal = reason;
    logger.warn({ reason }, 'Redis does not say what changes: every read of features goes there');
  }
}
