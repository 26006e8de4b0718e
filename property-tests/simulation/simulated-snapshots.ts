// The disk of the simulation: snapshots outlive processes; a write may find the disk full, be torn or bit-flipped
// unnoticed, be acknowledged and lost, come from an older version, or die with its process half way.
import { CorruptSnapshotError, UnavailableError } from '../../src/errors.ts';
import type { SnapshotReference, SnapshotStore } from '../../src/stores/snapshot-store.ts';
import type { Scheduler } from './scheduler.ts';
import type { Life } from './simulated-life.ts';

export type DiskFault = 'none' | 'full' | 'torn' | 'flipped' | 'lost' | 'older' | 'crash';

export const diskFaults: readonly DiskFault[] = [
  'full',
  'torn',
  'flipped',
  'lost',
  'older',
  'crash',
];

export class SimulatedDisk {
  /** By `<shard key>/<snapshot id>`. */
  readonly stored: Map<string, Uint8Array> = new Map();
  /** Every write that was acknowledged, and every removal asked for: what a commit may name. */
  readonly acknowledged: Set<string> = new Set();
  readonly removed: Set<string> = new Set();
  faults: () => DiskFault = () => 'none';
  /** Whether it can say what it holds of a shard, as a folder can and a topic cannot. */
  lists = false;
  readonly #scheduler: Scheduler;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  /** One process's view of it. */
  connect(life: Life): SnapshotStore {
    return {
      write: (shardKey, id, bytes) =>
        this.#after(life, (): SnapshotReference => {
          this.#write(`${shardKey}/${id}`, bytes, life);
          return { id, place: 'disk', length: bytes.length, checksum: checksum(bytes) };
        }),
      read: (shardKey, reference) => this.#after(life, () => this.read(shardKey, reference)),
      remove: (shardKey, reference) =>
        this.#after(life, () => {
          this.removed.add(`${shardKey}/${reference.id}`);
          this.stored.delete(`${shardKey}/${reference.id}`);
        }),
      ...(this.lists ? { list: (shardKey) => this.#after(life, () => this.idsOf(shardKey)) } : {}),
      close: () => Promise.resolve(),
    };
  }

  /** Returns the ids of what it holds of a shard. */
  idsOf(shardKey: string): readonly string[] {
    const keys = [...this.stored.keys()].filter((key) => key.startsWith(`${shardKey}/`));
    return keys.map((key) => key.slice(shardKey.length + 1));
  }

  /** @throws CorruptSnapshotError */
  read(shardKey: string, { id, length, checksum: expected }: SnapshotReference): Uint8Array {
    const bytes = this.stored.get(`${shardKey}/${id}`);
    if (bytes?.length === length && checksum(bytes) === expected) return bytes;
    throw new CorruptSnapshotError(`snapshot ${id} is missing or damaged`);
  }

  #write(key: string, bytes: Uint8Array, life: Life): void {
    const fault = this.faults();
    if (fault === 'full') throw new UnavailableError('disk full');
    if (fault !== 'lost') this.stored.set(key, damaged(bytes, fault));
    if (fault === 'crash') life.crash();
    else this.acknowledged.add(key);
  }

  #after<T>(life: Life, effect: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#scheduler.after(this.#scheduler.random() * 200, () =>
        life.run(() => {
          try {
            const value = effect();
            life.run(() => resolve(value));
          } catch (error) {
            reject(error);
          }
        }),
      );
    });
  }
}

function damaged(bytes: Uint8Array, fault: DiskFault): Uint8Array {
  const copy = Uint8Array.from(bytes);
  if (fault === 'torn' || fault === 'crash') return copy.subarray(0, copy.length / 2);
  const view = Buffer.from(copy.buffer);
  if (fault === 'flipped') view[copy.length - 1] = (view[copy.length - 1] ?? 0) ^ 1;
  // A version that this program does not know, in a header whose length stays.
  if (fault === 'older') view.write('"version":9', view.indexOf('"version":1'));
  return copy;
}

/** FNV-1a; the real stores have checks of their own, each with its tests. */
function checksum(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}
