// The laws of the snapshot store (src/stores/snapshot-store.ts), run unchanged over every adapter.
import { randomBytes } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { CorruptSnapshotError } from '../../src/errors.ts';
import type { SnapshotReference, SnapshotStore } from '../../src/stores/snapshot-store.ts';
import { uniqueName } from './event-log-harness.ts';

export interface SnapshotStoreHarness {
  readonly store: SnapshotStore;
  /** Another instance over the same durable data. */
  openAnother(): Promise<SnapshotStore>;
  close(): Promise<void>;
}

/** States the laws of the snapshot store for the adapter that `open` opens. */
export function snapshotStoreContract(
  name: string,
  open: () => Promise<SnapshotStoreHarness>,
): void {
  describe(`snapshot store contract: ${name}`, { timeout: 90_000 }, () => {
    let harness: SnapshotStoreHarness | undefined;
    const current = (): SnapshotStoreHarness => {
      if (harness === undefined) throw new Error('the harness is not open');
      return harness;
    };
    beforeAll(async () => {
      harness = await open();
    });
    afterAll(() => harness?.close());
    const store = (): SnapshotStore => current().store;
    const shardKey = (): string => `${uniqueName('group')}/raw_readings/3`;
    keepingLaws(store, shardKey, () => current().openAnother());
    leftBehindLaws(store, shardKey);
    distrustLaws(store, shardKey);
  });
}

function keepingLaws(
  store: () => SnapshotStore,
  shardKey: () => string,
  another: () => Promise<SnapshotStore>,
): void {
  test('what was written is read back bit for bit, by another instance too', async () => {
    const [key, bytes] = [shardKey(), randomBytes(100_003)];

    const reference = await store().write(key, 'epoch-1/000042', bytes);

    expect(reference).toMatchObject({ id: 'epoch-1/000042', length: 100_003 });
    expect(Buffer.from(await store().read(key, reference)).equals(bytes)).toBe(true);
    const other = await another();
    expect(Buffer.from(await other.read(key, reference)).equals(bytes)).toBe(true);
    await other.close();
  });

  test('the reference alone, through JSON, finds the snapshot and stays short', async () => {
    const key = shardKey();
    const reference = await store().write(key, '123456789012/17/000000000042', randomBytes(10));

    const text = JSON.stringify(reference);

    expect(text.length).toBeLessThanOrEqual(300);
    const parsed: unknown = JSON.parse(text);
    expect(parsed).toEqual(reference);
    await expect(store().read(key, parsed as SnapshotReference)).resolves.toHaveLength(10);
  });

  test('an empty snapshot and one of 20 MB survive', async () => {
    const [key, large] = [shardKey(), randomBytes(20_000_000)];

    const empty = await store().write(key, 'empty', new Uint8Array(0));
    const reference = await store().write(key, 'large', large);

    expect(await store().read(key, empty)).toHaveLength(0);
    expect(Buffer.from(await store().read(key, reference)).equals(large)).toBe(true);
  });

  test('snapshots of one shard and of several do not disturb each other', async () => {
    const keys = [shardKey(), shardKey(), 'a/b/1', 'a/b/10', 'a b/ü%2F../0'];
    const written = await Promise.all(
      keys.flatMap((key) =>
        ['1', '2'].map(async (id) => {
          const bytes = randomBytes(1_000);
          return { key, bytes, reference: await store().write(key, id, bytes) };
        }),
      ),
    );

    for (const { key, bytes, reference } of written) {
      expect(Buffer.from(await store().read(key, reference)).equals(bytes)).toBe(true);
    }
  });

  test('the bytes may change after the write has resolved', async () => {
    const [key, bytes] = [shardKey(), new Uint8Array(5_000).fill(7)];

    const reference = await store().write(key, '1', bytes);
    bytes.fill(9);

    expect((await store().read(key, reference)).every((byte) => byte === 7)).toBe(true);
  });

  test('a range of a larger buffer is written as that range', async () => {
    const [key, whole] = [shardKey(), randomBytes(1_000)];

    const reference = await store().write(key, '1', whole.subarray(100, 300));

    expect(Buffer.from(await store().read(key, reference)).equals(whole.subarray(100, 300))).toBe(
      true,
    );
  });

  test('a removed snapshot is gone, its sibling stays, and removing it again is fine', async () => {
    const key = shardKey();
    const [first, second] = [
      await store().write(key, '1', randomBytes(50_000)),
      await store().write(key, '2', randomBytes(50_000)),
    ];

    await store().remove(key, first);
    await store().remove(key, first);

    await expect(store().read(key, first)).rejects.toBeInstanceOf(CorruptSnapshotError);
    expect(await store().read(key, second)).toHaveLength(50_000);
  });
}

function leftBehindLaws(store: () => SnapshotStore, shardKey: () => string): void {
  test('a snapshot is removed by id and length alone, and one that was never written is fine', async () => {
    const key = shardKey();
    const first = await store().write(key, '8000-1-5-7', randomBytes(800_000));
    const second = await store().write(key, '8000-1-50-7', randomBytes(10));

    await store().remove(key, { id: '8000-1-5-7', length: 800_000 });
    await store().remove(key, { id: '8000-1-9-9', length: 5_000_000 });

    await expect(store().read(key, first)).rejects.toBeInstanceOf(CorruptSnapshotError);
    expect(await store().read(key, second)).toHaveLength(10);
  });

  test('a store that lists its snapshots names those of the shard, by their ids', async () => {
    const [key, other] = [shardKey(), shardKey()];
    await store().write(key, '8000-1/Ü %', randomBytes(10));
    await store().write(other, 'other', randomBytes(10));

    const ids = await store().list?.(key);

    expect(ids ?? ['8000-1/Ü %']).toEqual(['8000-1/Ü %']);
    expect((await store().list?.(shardKey())) ?? []).toEqual([]);
  });
}

function distrustLaws(store: () => SnapshotStore, shardKey: () => string): void {
  test('a reference with another length, checksum, id or place is refused as corrupt', async () => {
    const key = shardKey();
    const reference = await store().write(key, '1', randomBytes(1_000));
    const wrong: SnapshotReference[] = [
      { ...reference, length: 999 },
      { ...reference, length: 1_001 },
      { ...reference, checksum: reference.checksum ^ 1 },
      { ...reference, place: '' },
      { ...reference, place: '../../../../etc/passwd' },
      { ...reference, place: `${reference.place}9` },
    ];

    for (const each of wrong) {
      await expect(store().read(key, each)).rejects.toBeInstanceOf(CorruptSnapshotError);
    }
  });

  test('a snapshot that was never written is refused as corrupt', async () => {
    const reference = await store().write(shardKey(), '1', randomBytes(10));

    const read = store().read(shardKey(), { ...reference, place: `${reference.place}-none` });

    await expect(read).rejects.toBeInstanceOf(CorruptSnapshotError);
  });
}
