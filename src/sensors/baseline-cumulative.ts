// The classical baseline: mean and sample standard deviation of every reading so far, anomalies
// included. It adapts ever more slowly; kept as the definition other systems share.
import {
  noJudgement,
  type BaselineSummary,
  type Judgement,
  type KernelBaseline,
} from './baseline.ts';
import { welfordAdd, welfordCount, welfordM2, welfordMean, welfordStride } from './welford.ts';

export class CumulativeBaseline {
  readonly stride: number = welfordStride;
  readonly warmReadings: number;
  columns: Float64Array = new Float64Array(0);
  readonly score: number = 0;
  judgement: Judgement = noJudgement;
  readonly kernel: KernelBaseline;
  private readonly threshold: number;

  constructor(settings: { readonly anomalyThreshold: number; readonly anomalyWarmup: number }) {
    this.threshold = settings.anomalyThreshold;
    this.warmReadings = settings.anomalyWarmup;
    const { threshold, warmReadings } = this;
    const unused = { decay: 0, shortDecay: 0, longDecay: 0, calmReading: 0 };
    this.kernel = { method: 0, threshold, warmReadings, ...unused };
  }

  /**
   * Scores `x`, then updates: an anomaly (1) iff at least `anomalyWarmup` readings came before it,
   * their sample standard deviation s is positive and |x − mean| / s exceeds the threshold; else 0.
   */
  observe(slot: number, x: number): number {
    // hot path
    const columns = this.columns;
    const base = slot * welfordStride;
    const count = columns[base + welfordCount] ?? 0;
    let anomaly = 0;
    if (count >= this.warmReadings) {
      // With one reading this is 0/0 = NaN, which no comparison takes for positive.
      const deviation = Math.sqrt((columns[base + welfordM2] ?? 0) / (count - 1));
      if (deviation > 0) {
        const z = (x - (columns[base + welfordMean] ?? 0)) / deviation;
        if (Math.abs(z) > this.threshold) anomaly = 1;
      }
    }
    if (anomaly !== 0) this.judgement = { z: this.deviate(slot, x), ...this.summarize(slot) };
    welfordAdd(columns, base, x);
    return anomaly;
  }

  deviate(slot: number, x: number): number {
    const base = slot * welfordStride;
    const count = this.columns[base + welfordCount] ?? 0;
    const deviation = Math.sqrt((this.columns[base + welfordM2] ?? 0) / (count - 1));
    if (count < this.warmReadings || !(deviation > 0)) return 0;
    const z = (x - (this.columns[base + welfordMean] ?? 0)) / deviation;
    return Math.max(-Number.MAX_VALUE, Math.min(Number.MAX_VALUE, z));
  }

  viewAlarm(): undefined {
    return undefined;
  }

  restLeft(): undefined {
    return undefined;
  }

  readingCount(slot: number): number {
    return this.columns[slot * welfordStride + welfordCount] ?? 0;
  }

  summarize(slot: number): BaselineSummary {
    const base = slot * welfordStride;
    const n = this.columns[base + welfordCount] ?? 0;
    const m2 = this.columns[base + welfordM2] ?? 0;
    return {
      mean: this.columns[base + welfordMean] ?? 0,
      std_dev: n > 1 ? Math.sqrt(m2 / (n - 1)) : 0,
      n,
    };
  }
}
