import { expect, it } from 'vitest';

import { openIfThere } from '../../../src/stores/parquet/block-files.ts';

it('a history file that cannot be read is closed again', async () => {
  const bytes = new Uint8Array(64);
  let closed = 0;
  const file = {
    byteLength: bytes.length,
    slice: (start: number, end?: number) => Promise.resolve(bytes.slice(start, end).buffer),
    close: () => Promise.resolve(void (closed += 1)),
  };
  const disk = { open: () => Promise.resolve(file) };

  await expect(openIfThere(disk, 'x.parquet')).rejects.toThrow('x.parquet is no whole Parquet');

  expect(closed).toBe(1);
});
