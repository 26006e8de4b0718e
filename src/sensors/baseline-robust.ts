// The robust baseline: the questions of the adaptive one, answered so that one wild reading neither
// blinds a sensor nor rings for long. A deviation is learned as 32 spreads at most, surprise is
// averaged by its logarithm at two lengths, and a sensor that is stuck, off its daily profile or in
// a new context raises an alarm, too. State is laid out in robust-slot.ts.
import { adaptiveRules, alarmRests, type AlarmRest } from './baseline-adaptive.ts';
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
import { viewDayProfile, type DayProfile } from './day-profile.ts';
import { leastStepWith, MetReading } from './met-reading.ts';
import { rangeExcess, scoreRange, scoreStuck, tellRun } from './robust-rules.ts';
import { ContextRule } from './robust-context.ts';
import { robustDoubles, robustRules, robustSlot, type AlarmChannel } from './robust-slot.ts';
import { SurpriseRule } from './robust-surprise.ts';
import { decayPerReading, momentsMean, momentsSummary } from './weighted-moments.ts';

const { learned, leastStep, level, previousReading, rangeHigh, rangeLow } = robustSlot;
const { restLeft, stepMean, stepSquares } = robustSlot;
const { robustLong, robustShort, robustWarm } = robustRules;
const { alarmScore, calmScore } = adaptiveRules;

export interface RobustSettings {
  readonly anomalyThreshold: number;
  readonly baselineHalfLife: number;
  readonly alarmRest: 'calm' | 'fixed';
}

export class RobustBaseline {
  readonly stride: number = robustDoubles;
  readonly warmReadings: number = robustWarm;
  columns: Float64Array = new Float64Array(0);
  score: number = 0;
  /** The rule that gave `score`. */
  channel: AlarmChannel = 'none';
  judgement: Judgement = noJudgement;
  readonly kernel: KernelBaseline;
  private readonly threshold: number;
  private readonly decay: number;
  private readonly rest: AlarmRest;
  private isStuck: boolean = false;
  private readonly met: MetReading = new MetReading();
  private readonly surprise: SurpriseRule;
  private readonly context: ContextRule;

  constructor(settings: RobustSettings) {
    this.threshold = settings.anomalyThreshold;
    this.decay = decayPerReading(settings.baselineHalfLife);
    this.rest = alarmRests[settings.alarmRest];
    const decays = {
      decay: this.decay,
      shortDecay: decayPerReading(robustShort),
      longDecay: decayPerReading(robustLong),
    };
    this.kernel = {
      method: 2,
      threshold: this.threshold * this.threshold,
      warmReadings: robustWarm,
      ...decays,
      calmReading: this.rest.calmReading,
    };
    this.surprise = new SurpriseRule(decays);
    this.context = new ContextRule(this.decay);
  }

  /**
   * Scores `x` on the state before it, then learns it; returns anomalyFlag | alarmFlag and sets
   * `score` and `channel`.
   */
  observe(slot: number, x: number, timestampMs: number): number {
    // hot path
    const base = slot * robustDoubles;
    const { columns, met } = this;
    met.meet(columns, base, x, timestampMs);
    const anomaly = met.levelZ2 > this.threshold * this.threshold ? anomalyFlag : 0;
    this.scoreRules(base);
    const alarm = this.raiseAlarm(base);
    const flags = anomaly | alarm;
    if (flags !== 0) this.judgement = { z: this.signedZ(base), ...this.summarize(slot) };
    this.learn(base);
    return flags;
  }

  /** Sets `score` and `channel` by the rule that gives most; each rule learns the reading. */
  private scoreRules(base: number): void {
    // hot path
    const { columns, decay, met, surprise } = this;
    this.score = 0;
    this.channel = 'none';
    surprise.score(columns, base, met);
    this.offer(surprise.shortScore, surprise.isSeasonal ? 'season' : 'spike');
    this.offer(surprise.longScore, surprise.isSeasonal ? 'season' : 'shift');
    this.offer(scoreRange(columns, base, met, decay), 'range');
    const stuckScore = scoreStuck(columns, base, met, decay);
    this.isStuck = stuckScore > 0;
    this.offer(stuckScore, 'stuck');
    this.offer(this.context.score(columns, base, met), 'context');
  }

  private offer(score: number, channel: AlarmChannel): void {
    if (!(score > this.score)) return;
    this.score = score;
    this.channel = channel;
  }

  /** Returns alarmFlag iff the score suffices and the sensor has rested since its last alarm. */
  private raiseAlarm(base: number): number {
    // hot path
    const { columns, score } = this;
    const passed = score < calmScore ? this.rest.calmReading : 1;
    const left = (columns[base + restLeft] ?? 0) - passed;
    const alarm = score >= alarmScore && left <= 0;
    columns[base + restLeft] = alarm ? this.rest.readings : left > 0 ? left : 0;
    // One alarm a run: a sensor that stays stuck does not ring again.
    if (alarm && this.isStuck) tellRun(columns, base);
    return alarm ? alarmFlag : 0;
  }

  /** Learns level and step. */
  private learn(base: number): void {
    // hot path
    const { columns, decay, met } = this;
    const w2 = columns[base + level + 1] ?? 0;
    const decayed = decay * met.weight;
    const weight = decayed + 1;
    const deviation = met.levelDeviation;
    const share = deviation / weight;
    columns[base + level] = weight;
    columns[base + level + 1] = decay * decay * w2 + 1;
    columns[base + level + 2] = (columns[base + level + 2] ?? 0) + share;
    columns[base + level + 3] =
      decay * (columns[base + level + 3] ?? 0) + decayed * deviation * share;
    const { stepDeviation } = met;
    const stepShare = stepDeviation / weight;
    columns[base + stepMean] = (columns[base + stepMean] ?? 0) + stepShare;
    columns[base + stepSquares] =
      decay * (columns[base + stepSquares] ?? 0) + decayed * stepDeviation * stepShare;
    columns[base + leastStep] = leastStepWith(columns[base + leastStep] ?? 0, met.step);
    columns[base + previousReading] = met.value;
    columns[base + learned] = met.count + 1;
  }

  deviate(slot: number, x: number): number {
    const base = slot * robustDoubles;
    this.met.meet(this.columns, base, x, 0);
    return this.signedZ(base);
  }

  viewAlarm(slot: number, x: number): AlarmView {
    const base = slot * robustDoubles;
    const low = this.columns[base + rangeLow] ?? 0;
    const high = this.columns[base + rangeHigh] ?? 0;
    this.met.meet(this.columns, base, x, 0);
    return {
      alarmScore,
      restLeft: this.columns[base + restLeft] ?? 0,
      restReadings: this.rest.readings,
      calmReading: this.rest.calmReading,
      warmReadings: robustWarm,
      low,
      high,
      rangeScore: rangeExcess(this.met, low, high),
    };
  }

  restLeft(slot: number): number {
    return this.columns[slot * robustDoubles + restLeft] ?? 0;
  }

  readingCount(slot: number): number {
    return this.columns[slot * robustDoubles + learned] ?? 0;
  }

  summarize(slot: number): BaselineSummary {
    const base = slot * robustDoubles;
    return { ...momentsSummary(this.columns, base + level), n: this.readingCount(slot) };
  }

  dayProfile(slot: number): DayProfile {
    return viewDayProfile(this.columns, slot * robustDoubles);
  }

  /** Returns z of the reading met last, in standard deviations with its sign. */
  private signedZ(base: number): number {
    const { levelZ2, value } = this.met;
    const above = Math.sign(value - momentsMean(this.columns, base + level));
    return above * rootOfZ2(levelZ2, this.threshold);
  }
}
