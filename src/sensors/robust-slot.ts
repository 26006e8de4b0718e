// Where the robust baseline keeps a sensor's numbers, and the rules that it judges by. The kernel
// computes with the same: `npm run generate` writes both into assembly/host-layout.ts.
//
//   slot: | level 4 | step 2 | surprise 4 | usual 5 | previous | least | low | high | stuck 3 |
//         | context 18 | season 14 | rest | count | wild |                        57 doubles

/** By name, the first double. `context…` and `reference` have four each, `bins` eight. */
export const robustSlot = {
  /** Readings: weights, squared weights, mean, squares. */
  level: 0,
  /** Differences between readings, under the weights of the level. */
  stepMean: 4,
  stepSquares: 5,
  /** Surprise lately, over a few readings and over many, each with its weight. */
  shortSurprise: 6,
  longSurprise: 7,
  shortWeight: 8,
  longWeight: 9,
  /** The usual size of both surprises, under one weight. */
  usualWeight: 10,
  usualShort: 11,
  usualShortSquares: 12,
  usualLong: 13,
  usualLongSquares: 14,
  previousReading: 15,
  /** The least difference seen that was not 0. */
  leastStep: 16,
  rangeLow: 17,
  rangeHigh: 18,
  /** Equal readings in a row, negative once an alarm was raised for them. */
  run: 19,
  runMax: 20,
  repeats: 21,
  context: 22,
  contextMean: 26,
  contextSquares: 30,
  reference: 34,
  referenceCount: 38,
  distanceMax: 39,
  /** Mean of each part of the day, `unknownBin` before its first visit. */
  bins: 40,
  /** The part of a day that the last reading was in, and the mean and number of its readings. */
  visit: 48,
  visitMean: 49,
  visitCount: 50,
  firstVisit: 51,
  residualSquares: 52,
  residualWeight: 53,
  restLeft: 54,
  learned: 55,
  /** Readings far outside the range, each counting half after a half-life. */
  wildReadings: 56,
} as const;

export const robustDoubles = 57;
export const contextFeatures = 4;

/** Chosen on one half of labelled real series; the same for every sensor. Lengths in readings. */
export const robustRules = {
  /** Half-lives of the two surprises. */
  robustShort: 12,
  robustLong: 72,
  robustSurpriseMax: 20,
  robustSpreadMin: 0.1,
  robustSettle: 50,
  robustWarm: 150,
  /**
   * From the ninth reading on a deviation is learned as 32 spreads at most, so that one sentinel
   * does not blind.
   */
  clipFrom: 8,
  clipSpreads: 32,
  /** A reading 7.5 % of the range beyond the range scores 40 · 0.075 = 3, just an alarm. */
  robustRangeGain: 40,
  /** By which share of its width the first wild reading widens the range; later ones by all. */
  firstWildShare: 0.25,
  stuckRunMin: 5,
  contextGain: 15,
  /** Of logarithms of roughness: their rounding, and what is taken for it before any is known. */
  logVarianceMin: 1e-24,
  roughnessPrior: 763.5,
  /** From this distance on the sensor has left its context, which then begins where it is. */
  contextLeft: 1.5,
  referenceMax: 200,
  dayBins: 8,
  /** Visits before the profile counts: three days. */
  profileVisits: 24,
  profileDaysMax: 14,
  /** The profile counts where it leaves less than this share of the level's variance. */
  profileShare: 0.6,
  residualsMin: 10,
  dayBinMs: 10_800_000,
  /** Of a bin never visited; readings are at most 1e150. */
  unknownBin: 2e150,
  /** Rounding of doubles, and of the arithmetic behind readings: 4,096 ulps of the mean. */
  roundingShare: 2 ** -40,
  /** The least spread of all; its square is a normal double. */
  floorMin: 1e-150,
} as const;

/** The rule that raised an alarm: the one with the greatest score. */
export const alarmChannels = [
  'none',
  'spike',
  'shift',
  'season',
  'range',
  'stuck',
  'context',
] as const;
export type AlarmChannel = (typeof alarmChannels)[number];
