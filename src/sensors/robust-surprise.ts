// Surprise: have readings lately been more unusual than is usual for this sensor, over a few
// readings (spike) or over many (shift)? Where a profile of the day explains the sensor, the
// reading's deviation is from that profile (season). Logarithms of the deviates are averaged, so
// that one wild reading counts little more than a clear one.
import type { MetReading } from './met-reading.ts';
import { follow } from './robust-rules.ts';
import { robustRules, robustSlot } from './robust-slot.ts';

const { bins, firstVisit, learned, residualSquares, residualWeight } = robustSlot;
const { visit, visitCount, visitMean } = robustSlot;
const { longSurprise, longWeight, shortSurprise, shortWeight } = robustSlot;
const { usualLong, usualShort, usualWeight } = robustSlot;
const { clipSpreads, dayBins, profileDaysMax, profileShare, profileVisits } = robustRules;
const { residualsMin, robustSettle, robustSpreadMin, robustSurpriseMax } = robustRules;
const { dayBinMs, unknownBin } = robustRules;

export interface SurpriseDecays {
  /** Per reading: of all that is usual for the sensor, and of the two averages of surprise. */
  readonly decay: number;
  readonly shortDecay: number;
  readonly longDecay: number;
}

export class SurpriseRule {
  /** Scores of the last reading; 0 while warming. */
  shortScore: number = 0;
  longScore: number = 0;
  /** Whether the last reading was compared with the profile of the day. */
  isSeasonal: boolean = false;
  private readonly decays: SurpriseDecays;

  constructor(decays: SurpriseDecays) {
    this.decays = decays;
  }

  /** Scores the reading, and learns how surprising it was. */
  score(columns: Float64Array, base: number, met: MetReading): void {
    // hot path
    const { decay, longDecay, shortDecay } = this.decays;
    const levelZ2 = this.compareWithDay(columns, base, met);
    const both = Math.sqrt(levelZ2 + met.stepZ2);
    const surprise = Math.log(1 + (both < robustSurpriseMax ? both : robustSurpriseMax));
    const weightShort = shortDecay * (columns[base + shortWeight] ?? 0) + 1;
    const weightLong = longDecay * (columns[base + longWeight] ?? 0) + 1;
    const short = follow(columns, base + shortSurprise, surprise, weightShort);
    const long = follow(columns, base + longSurprise, surprise, weightLong);
    columns[base + shortWeight] = weightShort;
    columns[base + longWeight] = weightLong;
    this.shortScore = 0;
    this.longScore = 0;
    if (met.count < robustSettle) return;
    const weight = columns[base + usualWeight] ?? 0;
    if (met.isWarm) {
      this.shortScore = excess(columns, base + usualShort, short, weight);
      this.longScore = excess(columns, base + usualLong, long, weight);
    }
    const decayed = decay * weight;
    columns[base + usualWeight] = decayed + 1;
    learnUsual(columns, base + usualShort, short, decay, decayed);
    learnUsual(columns, base + usualLong, long, decay, decayed);
  }

  /**
   * Returns the squared deviate of the reading from the profile of the day, or from the level where
   * the profile says no more than the level; learns the profile. A profile is known from three days
   * on.
   */
  private compareWithDay(columns: Float64Array, base: number, met: MetReading): number {
    // hot path
    const { floor, value, variance } = met;
    const now = this.enterVisit(columns, base, met);
    this.isSeasonal = false;
    let z2 = met.levelZ2;
    const profile = columns[base + bins + binOf(now)] ?? unknownBin;
    const isKnown = profile !== unknownBin;
    if (isKnown && now - (columns[base + firstVisit] ?? 0) >= profileVisits) {
      const least = floor * floor;
      const residual = (value - profile) * (value - profile);
      const weight = columns[base + residualWeight] ?? 0;
      const squares = columns[base + residualSquares] ?? 0;
      const usual = weight > 0 ? squares / weight : 0;
      const levelVariance = (columns[base + robustSlot.level + 3] ?? 0) / met.weight;
      if (weight > residualsMin && usual < profileShare * levelVariance) {
        this.isSeasonal = true;
        z2 = residual / (usual > least ? usual : least);
      }
      const residualMax = clipSpreads * clipSpreads * variance;
      const { decay } = this.decays;
      columns[base + residualWeight] = decay * weight + 1;
      columns[base + residualSquares] =
        decay * squares + (residual < residualMax ? residual : residualMax);
    }
    const count = (columns[base + visitCount] ?? 0) + 1;
    columns[base + visitCount] = count;
    follow(columns, base + visitMean, met.keptValue, count);
    return z2;
  }

  /**
   * Returns the number of the three hours that the reading is in, from 1970 on; where they are not
   * those of the reading before, first adds that visit's mean to its bin. A reading from the visit
   * just before is a late one, and counts into the visit that goes on.
   */
  private enterVisit(columns: Float64Array, base: number, met: MetReading): number {
    // hot path
    const now = Math.floor(met.timestampMs / dayBinMs);
    if ((columns[base + learned] ?? 0) === 0) {
      columns.fill(unknownBin, base + bins, base + bins + dayBins);
      columns[base + visit] = now;
      columns[base + firstVisit] = now;
    }
    const before = columns[base + visit] ?? 0;
    if (now === before || now === before - 1) return now;
    const bin = base + bins + binOf(before);
    const mean = columns[base + visitMean] ?? 0;
    const known = columns[bin] ?? unknownBin;
    const visits = before - (columns[base + firstVisit] ?? 0);
    const days = visits > 0 ? Math.floor(visits / dayBins) + 1 : 1;
    columns[bin] =
      known === unknownBin
        ? mean
        : known + (mean - known) * (1 / (days < profileDaysMax ? days : profileDaysMax));
    columns[base + visit] = now;
    columns[base + visitMean] = 0;
    columns[base + visitCount] = 0;
    return now;
  }
}

function binOf(visitNumber: number): number {
  return ((visitNumber % dayBins) + dayBins) % dayBins;
}

/** Returns by how many of its usual spreads a surprise is above its usual mean. */
function excess(columns: Float64Array, at: number, surprise: number, weight: number): number {
  const spread = Math.sqrt((columns[at + 1] ?? 0) / weight);
  return (surprise - (columns[at] ?? 0)) / (spread > robustSpreadMin ? spread : robustSpreadMin);
}

function learnUsual(
  columns: Float64Array,
  at: number,
  surprise: number,
  decay: number,
  decayed: number,
): void {
  const deviation = surprise - (columns[at] ?? 0);
  const share = deviation / (decayed + 1);
  columns[at] = (columns[at] ?? 0) + share;
  columns[at + 1] = decay * (columns[at + 1] ?? 0) + decayed * deviation * share;
}
