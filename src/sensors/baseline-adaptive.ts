// The adaptive baseline: how unusual is this reading for this sensor (anomaly), and have readings
// lately been more unusual than is usual for it (alarm)? Two memories, one long and one short, both
// counted in readings.
//
//   slot: | level 4 | step 4 | recent 4 | previous | q | qw | low | high | rest | count |
//           readings  differences  surprise lately                              19 doubles
import {
  alarmFlag,
  anomalyFlag,
  noJudgement,
  rootOfZ2,
  type AlarmView,
  type BaselineSummary,
  type Judgement,
  type KernelBaseline,
} from './baseline.ts';
import {
  decayPerReading,
  momentsAdd,
  momentsMean,
  momentsPopulationDeviation,
  momentsSummary,
  momentsSquaredZ,
} from './weighted-moments.ts';

/** Where a slot's columns lie: `npm run generate` tells the kernel. */
export const adaptiveSlot = {
  level: 0,
  step: 4,
  recent: 8,
  previous: 12,
  surprise: 13,
  surpriseWeight: 14,
  low: 15,
  high: 16,
  rest: 17,
  count: 18,
} as const;
const { level, step, recent } = adaptiveSlot;
const {
  previous: previousAt,
  surprise: surpriseAt,
  surpriseWeight: surpriseWeightAt,
} = adaptiveSlot;
const { low: lowAt, high: highAt, rest: restAt, count: countAt } = adaptiveSlot;
const strideDoubles = 19;

// Tuned once on labelled real series; the same for every sensor. All but the scores count readings.
const shortHalfLife = 12;
const warmReadings = 150;
/**
 * The rest after an alarm, and how much of it one calm reading (score below calmScore) takes off;
 * any other takes one. `fixed` is the plain refractory period; `calm` is shorter where the sensor
 * calmed down, so that a false alarm hides less, and longer where one event goes on.
 */
export const alarmRests = {
  calm: { readings: 144, calmReading: 4 },
  fixed: { readings: 72, calmReading: 1 },
} as const;
export type AlarmRest = (typeof alarmRests)['calm' | 'fixed'];
/** The same in the kernel: `npm run generate` tells it. */
export const adaptiveRules = {
  surpriseMax: 20,
  spreadMin: 0.1,
  settleReadings: 50,
  alarmScore: 3,
  calmScore: 1,
  /** A reading 5 % of the range beyond the range scores 60 · 0.05 = 3, just an alarm. */
  rangeGain: 60,
} as const;
const { alarmScore, calmScore, rangeGain, settleReadings, spreadMin, surpriseMax } = adaptiveRules;

export interface AdaptiveSettings {
  readonly anomalyThreshold: number;
  readonly baselineHalfLife: number;
  readonly alarmRest: 'calm' | 'fixed';
}

export class AdaptiveBaseline {
  readonly stride: number = strideDoubles;
  readonly warmReadings: number = warmReadings;
  columns: Float64Array = new Float64Array(0);
  score: number = 0;
  judgement: Judgement = noJudgement;
  readonly kernel: KernelBaseline;
  private readonly threshold: number;
  private readonly squaredThreshold: number;
  private readonly decay: number;
  private readonly shortDecay: number = decayPerReading(shortHalfLife);
  private readonly restReadings: number;
  private readonly calmReading: number;
  private anomaly: number = 0;

  constructor(settings: AdaptiveSettings) {
    this.threshold = settings.anomalyThreshold;
    this.squaredThreshold = this.threshold * this.threshold;
    this.decay = decayPerReading(settings.baselineHalfLife);
    this.restReadings = alarmRests[settings.alarmRest].readings;
    this.calmReading = alarmRests[settings.alarmRest].calmReading;
    const { squaredThreshold: threshold, decay, shortDecay, calmReading } = this;
    const decays = { decay, shortDecay, longDecay: 0 };
    this.kernel = { method: 1, threshold, warmReadings, ...decays, calmReading };
  }

  /**
   * Scores `x` on the state before it, then learns it; returns anomalyFlag | alarmFlag and sets
   * `score`.
   */
  observe(slot: number, x: number): number {
    // hot path
    const base = slot * strideDoubles;
    const surpriseScore = this.scoreSurprise(base, x);
    const rangeScore = this.scoreRange(base, x);
    this.score = rangeScore > surpriseScore ? rangeScore : surpriseScore;
    const flags = this.anomaly | this.raiseAlarm(base, this.score);
    if (flags !== 0) this.judgement = { z: this.deviate(slot, x), ...this.summarize(slot) };
    this.learn(base, x);
    return flags;
  }

  /**
   * Returns how much more unusual the last readings were than is usual (0 while warming), decides
   * whether `x` is an anomaly by itself, and learns how surprising it was.
   */
  scoreSurprise(base: number, x: number): number {
    // hot path
    const columns = this.columns;
    const count = columns[base + countAt] ?? 0;
    const floor = this.floor(base);
    const levelZ2 = count >= 3 ? momentsSquaredZ(columns, base + level, x, floor) : 0;
    const difference = x - (columns[base + previousAt] ?? 0);
    const stepZ2 = count >= 4 ? momentsSquaredZ(columns, base + step, difference, floor) : 0;
    this.anomaly = levelZ2 > this.squaredThreshold ? anomalyFlag : 0;

    const both = Math.sqrt(levelZ2 + stepZ2);
    const surprise = both < surpriseMax ? both : surpriseMax;
    const weight = this.shortDecay * (columns[base + surpriseWeightAt] ?? 0) + 1;
    const before = columns[base + surpriseAt] ?? 0;
    const lately = before + (surprise - before) / weight;
    columns[base + surpriseWeightAt] = weight;
    columns[base + surpriseAt] = lately;

    if (count < settleReadings) return 0;
    const score = count < warmReadings ? 0 : this.scoreLately(base, lately);
    momentsAdd(columns, base + recent, this.decay, lately);
    return score;
  }

  /**
   * Returns how far `x` lies outside the sensor's range (3 at 5 % of it; 0 inside or while
   * warming); widens the range.
   */
  scoreRange(base: number, x: number): number {
    // hot path
    const columns = this.columns;
    const count = columns[base + countAt] ?? 0;
    if (count === 0) {
      columns[base + lowAt] = x;
      columns[base + highAt] = x;
      return 0;
    }
    const low = columns[base + lowAt] ?? 0;
    const high = columns[base + highAt] ?? 0;
    const middle = (high + low) / 2;
    const shrink = 1 - this.decay;
    const highNext = high - shrink * (high - middle);
    const lowNext = low + shrink * (middle - low);
    columns[base + highAt] = x > highNext ? x : highNext;
    columns[base + lowAt] = x < lowNext ? x : lowNext;
    if (count < warmReadings || !(high > low)) return 0;
    const outside = x > high ? x - high : low - x;
    if (!(outside > 0)) return 0;
    // As for a spread: a range of a few ulps would make an alarm of any rounding, and overflow.
    const floor = this.floor(base);
    return (rangeGain * outside) / (high - low > floor ? high - low : floor);
  }

  /** Learns `x` and its difference from the reading before it. */
  learn(base: number, x: number): void {
    // hot path
    const columns = this.columns;
    const count = columns[base + countAt] ?? 0;
    momentsAdd(columns, base + level, this.decay, x);
    if (count > 0) {
      const difference = x - (columns[base + previousAt] ?? 0);
      momentsAdd(columns, base + step, this.decay, difference);
    }
    columns[base + previousAt] = x;
    columns[base + countAt] = count + 1;
  }

  /**
   * Returns alarmFlag iff `score` reaches the alarm score and the sensor has rested since its last
   * alarm; else 0.
   */
  raiseAlarm(base: number, score: number): number {
    // hot path
    const rest = (this.columns[base + restAt] ?? 0) - (score < calmScore ? this.calmReading : 1);
    const alarm = score >= alarmScore && rest <= 0;
    this.columns[base + restAt] = alarm ? this.restReadings : rest > 0 ? rest : 0;
    return alarm ? alarmFlag : 0;
  }

  deviate(slot: number, x: number): number {
    const base = slot * strideDoubles;
    if ((this.columns[base + countAt] ?? 0) < 3) return 0;
    const mean = momentsMean(this.columns, base + level);
    const z2 = momentsSquaredZ(this.columns, base + level, x, this.floor(base));
    return Math.sign(x - mean) * rootOfZ2(z2, this.threshold);
  }

  viewAlarm(slot: number, x: number): AlarmView {
    const base = slot * strideDoubles;
    const learned = this.columns.slice(base, base + strideDoubles);
    const rangeScore = this.scoreRange(base, x);
    this.columns.set(learned, base);
    return {
      alarmScore,
      restLeft: learned[restAt] ?? 0,
      restReadings: this.restReadings,
      calmReading: this.calmReading,
      warmReadings,
      low: learned[lowAt] ?? 0,
      high: learned[highAt] ?? 0,
      rangeScore,
    };
  }

  restLeft(slot: number): number {
    return this.columns[slot * strideDoubles + restAt] ?? 0;
  }

  readingCount(slot: number): number {
    return this.columns[slot * strideDoubles + countAt] ?? 0;
  }

  summarize(slot: number): BaselineSummary {
    const base = slot * strideDoubles;
    return { ...momentsSummary(this.columns, base + level), n: this.readingCount(slot) };
  }

  /** The least spread that counts: below it lies what the sensor's converter or a double rounds. */
  private floor(base: number): number {
    // hot path
    return 1e-6 * Math.abs(momentsMean(this.columns, base + level)) + 1e-12;
  }

  private scoreLately(base: number, lately: number): number {
    const spread = momentsPopulationDeviation(this.columns, base + recent);
    const mean = momentsMean(this.columns, base + recent);
    return (lately - mean) / (spread > spreadMin ? spread : spreadMin);
  }
}
