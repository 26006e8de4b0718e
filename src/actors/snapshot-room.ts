// The memory of a snapshot, made ahead of its copy: the system gives a page of new memory when it
// is first written to, which takes several times as long as the copy itself, and the fold would
// stand still meanwhile.
import type { Clock } from '../clock.ts';
import type { SnapshotTurn } from './shard-context.ts';

/** A copy into as much new memory takes about a millisecond: no room is made for it ahead. */
export const smallCopyBytes: number = 1024 * 1024;
/** Written to between two turns of the event loop: a few milliseconds. */
const sliceBytes = 4 * 1024 * 1024;
const pageBytes = 4096;
/** Factor by which a state may grow until it is copied. */
const growth = 1.05;

export interface SnapshotRoomHost {
  readonly clock: Clock;
  /** Taken while there is room, or room is being made: it is memory. */
  readonly turn: SnapshotTurn;
  ready(): void;
  failed(error: unknown): void;
}

export class SnapshotRoom {
  readonly #host: SnapshotRoomHost;
  #room: Uint8Array<ArrayBuffer> | 'being made' | undefined;

  constructor(host: SnapshotRoomHost) {
    this.#host = host;
  }

  get beingMade(): boolean {
    return this.#room === 'being made';
  }

  /** Whether the thread's turn is ours already. */
  get holdsTurn(): boolean {
    return this.#room !== undefined;
  }

  /** Whether `bytes` can be copied without a long stop; begins to make room where they cannot. */
  suffices(bytes: number): boolean {
    if (this.#room !== undefined) return !this.beingMade;
    if (bytes < smallCopyBytes) return true;
    this.#host.turn.taken = true;
    this.#room = 'being made';
    makeRoom(bytes, this.#host.clock).then(
      (room) => {
        // Taken or closed meanwhile.
        if (!this.beingMade) return;
        this.#room = room;
        this.#host.ready();
      },
      (error: unknown) => this.#host.failed(error),
    );
    return false;
  }

  /** Returns the room where it is made; what it is for takes the turn over. */
  take(): Uint8Array<ArrayBuffer> | undefined {
    const room = this.#room;
    this.#room = undefined;
    return room === 'being made' ? undefined : room;
  }

  /** Idempotent. */
  close(): void {
    if (this.#room !== undefined) this.#host.turn.taken = false;
    this.#room = undefined;
  }
}

/**
 * Resolves to zeros, all of them in memory; others have their turns of the event loop meanwhile.
 */
async function makeRoom(bytes: number, clock: Clock): Promise<Uint8Array<ArrayBuffer>> {
  const room = new Uint8Array(Math.ceil(bytes * growth));
  for (let slice = 0; slice < room.length; slice += sliceBytes) {
    const end = Math.min(slice + sliceBytes, room.length);
    for (let at = slice; at < end; at += pageBytes) room[at] = 0;
    await clock.sleep(0);
  }
  return room;
}
