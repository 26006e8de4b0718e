// Seeded random numbers. Each simulated sensor has a generator of its own, so adding a sensor does
// not change the others.

export interface SeededRandom {
  /** Uniform in [0, 1). */
  uniform(): number;
  /** Normal with mean 0 and standard deviation 1. */
  normal(): number;
}

/**
 * Returns a generator whose sequence is a function of `seed` and `stream` alone. Source: sfc32, C.
 * Doty-Humphrey, PractRand (2010); normals by Box and Muller, Ann. Math. Stat. 29 (1958) 610.
 */
export function seededRandom(seed: number, stream: number): SeededRandom {
  let a = seed | 0;
  let b = stream | 0;
  let c = 0x9e3779b9 | 0;
  let counter = 1;
  const next = (): number => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    c |= 0;
    return (sum >>> 0) / 4_294_967_296;
  };
  // Near seeds start out alike; the generator's author mixes them with 12 rounds.
  for (let round = 0; round < 12; round += 1) next();
  return {
    uniform: next,
    normal: () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
  };
}
