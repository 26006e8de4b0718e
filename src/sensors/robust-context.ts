// The context of a sensor: mean and roughness of its readings lately, each over a few and over
// many, as one point. A reference follows the point slowly, and jumps to it once the point is far
// away. The score is how far the distance exceeds the greatest one lately.
import { clippedDeviation, type MetReading } from './met-reading.ts';
import { follow } from './robust-rules.ts';
import { contextFeatures, robustRules, robustSlot } from './robust-slot.ts';

const { context, contextMean, contextSquares, distanceMax, level, longWeight } = robustSlot;
const { reference, referenceCount, shortWeight } = robustSlot;
const { contextGain, contextLeft, logVarianceMin, referenceMax, robustSettle } = robustRules;
const { roughnessPrior } = robustRules;

export class ContextRule {
  private readonly point: Float64Array = new Float64Array(contextFeatures);
  /** Of each feature, before the reading. */
  private readonly variances: Float64Array = new Float64Array(contextFeatures);
  private readonly decay: number;

  constructor(decay: number) {
    this.decay = decay;
  }

  /** Scores the reading; the surprises have moved their weights before. */
  score(columns: Float64Array, base: number, met: MetReading): number {
    // hot path
    this.movePoint(columns, base, met);
    let score = 0;
    if (met.count >= robustSettle) {
      const distance = this.distance(columns, base);
      this.moveReference(columns, base, distance);
      score = this.scoreDistance(columns, base, met, distance);
    }
    this.learnPoint(columns, base, met);
    return score;
  }

  private movePoint(columns: Float64Array, base: number, met: MetReading): void {
    // hot path
    const { point, variances } = this;
    const short = columns[base + shortWeight] ?? 0;
    const long = columns[base + longWeight] ?? 0;
    const offset = 1e-3 * met.spread + met.floor;
    point[0] = follow(columns, base + context, met.keptValue, short);
    point[1] = follow(columns, base + context + 1, met.keptValue, long);
    point[2] = Math.log(follow(columns, base + context + 2, met.keptStep, short) + offset);
    point[3] = Math.log(follow(columns, base + context + 3, met.keptStep, long) + offset);
    for (let at = 0; at < contextFeatures; at += 1) {
      const squares = columns[base + contextSquares + at] ?? 0;
      const variance = met.freedom > 0 ? squares / met.freedom : 0;
      const least = at < 2 ? met.floor * met.floor : logVarianceMin;
      variances[at] = variance > least ? variance : least;
    }
  }

  /** Returns the distance of the point from the reference, in spreads; 0 without a reference. */
  private distance(columns: Float64Array, base: number): number {
    // hot path
    if (!((columns[base + referenceCount] ?? 0) > 0)) return 0;
    let squared = 0;
    for (let at = 0; at < contextFeatures; at += 1) {
      const away = (this.point[at] ?? 0) - (columns[base + reference + at] ?? 0);
      const part = (away * away) / (this.variances[at] ?? 1);
      squared += part < 1e12 ? part : 1e12;
    }
    return Math.sqrt(squared);
  }

  private moveReference(columns: Float64Array, base: number, distance: number): void {
    // hot path
    const count = columns[base + referenceCount] ?? 0;
    const jumps = !(count > 0) || distance > contextLeft;
    const next = jumps ? 1 : count + 1;
    const share = 1 / (next < referenceMax ? next : referenceMax);
    for (let at = 0; at < contextFeatures; at += 1) {
      const target = this.point[at] ?? 0;
      const before = columns[base + reference + at] ?? 0;
      columns[base + reference + at] = jumps ? target : before + share * (target - before);
    }
    columns[base + referenceCount] = next * this.decay;
  }

  private scoreDistance(
    columns: Float64Array,
    base: number,
    met: MetReading,
    distance: number,
  ): number {
    // hot path
    const greatest = columns[base + distanceMax] ?? 0;
    const width = greatest > 0.1 ? greatest : 0.1;
    const greatestNext = greatest - (1 - this.decay) * 0.5 * greatest;
    const clipped = met.isWarm && distance > greatestNext + width ? greatestNext + width : distance;
    columns[base + distanceMax] = clipped > greatestNext ? clipped : greatestNext;
    const exceeds = met.isWarm && greatest > 0 && distance > greatest;
    return exceeds ? (contextGain * (distance - greatest)) / width : 0;
  }

  private learnPoint(columns: Float64Array, base: number, met: MetReading): void {
    // hot path
    const { decay, point, variances } = this;
    if (!(met.variance > met.floor * met.floor)) return this.beginPoint(columns, base);
    const decayed = decay * (columns[base + level] ?? 0);
    const weight = decayed + 1;
    for (let at = 0; at < contextFeatures; at += 1) {
      const mean = columns[base + contextMean + at] ?? 0;
      const away = (point[at] ?? 0) - mean;
      const deviation = met.isWarm ? clippedDeviation(away, variances[at] ?? 1) : away;
      const share = deviation / weight;
      columns[base + contextMean + at] = mean + share;
      columns[base + contextSquares + at] =
        decay * (columns[base + contextSquares + at] ?? 0) + decayed * deviation * share;
    }
  }

  /** Starts what is usual at the point, as long as the sensor has shown no spread. */
  private beginPoint(columns: Float64Array, base: number): void {
    for (let at = 0; at < contextFeatures; at += 1) {
      columns[base + contextMean + at] = this.point[at] ?? 0;
      columns[base + contextSquares + at] = at < 2 ? 0 : roughnessPrior;
    }
  }
}
