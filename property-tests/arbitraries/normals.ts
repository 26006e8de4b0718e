// Normal noise by seed, for laws about rates: the same numbers wherever it is drawn.

/**
 * Yields `count` normal deviates from an integer seed (Box and Muller 1958, over a 32-bit generator
 * of Steele's).
 */
export function* normals(start: number, count: number): Generator<number> {
  let state = start | 0;
  const uniform = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (((mixed ^ (mixed >>> 14)) >>> 0) + 0.5) / 4294967296;
  };
  for (let made = 0; made < count; made += 1) {
    yield Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
  }
}
