// Ids crafted for the unkeyed hash that the table of ids had before: all have one hash under it.

/** The hash's step over a word of four bytes. */
const step = (hash: number, word: number): number => {
  const mixed = Math.imul(hash ^ word, 0x01000193);
  return mixed ^ (mixed >>> 15);
};

/** Returns `count` ids of twelve bytes: the third word undoes what the first two made of the hash. */
export function collidingIds(count: number): readonly Uint8Array[] {
  const start = 0x811c9dc5 ^ 12;
  const wanted = 0x61626364;
  return Array.from({ length: count }, (_, index) => {
    const words = [index, Math.imul(index, 0x9e3779b1)];
    const hash = words.reduce(step, start);
    const id = new DataView(new ArrayBuffer(12));
    [...words, hash ^ wanted].forEach((word, at) => {
      id.setInt32(4 * at, word, true);
    });
    return new Uint8Array(id.buffer);
  });
}
