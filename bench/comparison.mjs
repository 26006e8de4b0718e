// Compares two builds measured in turn: their ratio, round by round, and the verdict.
import { spread } from './result.mjs';

/**
 * Returns, for each figure that all rounds have, what both measured (least, median, greatest) and
 * the ratio new/old. `rounds` are `{ older, newer }`, each a record of numbers. A ratio is of one
 * round, so that whatever else the machine did meanwhile met both sides of it.
 */
export function compareRounds(rounds, figures) {
  return Object.fromEntries(
    figures.map((figure) => [
      figure,
      {
        older: spread(rounds.map(({ older }) => older[figure])),
        newer: spread(rounds.map(({ newer }) => newer[figure])),
        ratio: spread(rounds.map(({ older, newer }) => newer[figure] / older[figure])),
      },
    ]),
  );
}

/**
 * Returns the verdict on one figure in a line; `better` says whether less or more of it is. The new
 * build is called better or worse only where it was so in every round, which two equal builds are
 * by chance once in 2^(rounds - 1) times.
 */
export function verdict(name, { ratio }, { rounds, better = 'less' }) {
  const { min, median, max } = ratio;
  const shown = `${name}: new / old ${fixed(median)} (${fixed(min)} to ${fixed(max)})`;
  if (min <= 1 && max >= 1) return `${shown}: no difference beyond the spread`;
  const word = max < 1 === (better === 'less') ? 'better' : 'WORSE';
  return `${shown}: ${word} in each of ${rounds} rounds (by chance: 1 in ${2 ** (rounds - 1)})`;
}

function fixed(ratio) {
  return ratio.toFixed(3);
}
