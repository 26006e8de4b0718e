// The settings that change results. Everything else may differ between processes and from one start
// to the next.
import { assert } from '../errors.ts';
import type { BaselineMethod } from './create-baseline.ts';
import type { InputDeclaration } from './input-declaration.ts';
import { largerWindowProblem, type LargerWindow } from './larger-window.ts';

/** Everything that changes results; fingerprinted into committed metadata and snapshots. */
export interface Semantics {
  readonly windowMs: number;
  readonly watermarkDelayMs: number;
  readonly maxAheadMs: number;
  /** Whether a reading that leads its record moves event time to its record's time or its own. */
  readonly fastClocks: 'hold' | 'lead';
  readonly baseline: BaselineMethod;
  /** In readings. */
  readonly baselineHalfLife: number;
  /** In standard deviations. */
  readonly anomalyThreshold: number;
  /** In readings. */
  readonly anomalyWarmup: number;
  /** How an adaptive baseline rests after an alarm. */
  readonly alarmRest: 'calm' | 'fixed';
  /** Per shard. */
  readonly sensorsMax: number;
  /**
   * How long after the end of its last window a sensor is forgotten, ms of event time; Infinity:
   * never.
   */
  readonly sensorTtlMs: number;
  /**
   * After how much silence a sensor is offline, ms of event time; `auto`: by its own rhythm;
   * Infinity: never.
   */
  readonly silentAfterMs: number | 'auto';
  /** How many equal readings in a row make a sensor stuck; Infinity: none. */
  readonly stuckAfter: number;
  /**
   * How long no reading is loud before an alarm is resolved, ms of event time; Infinity: alarms
   * have no life.
   */
  readonly alarmResolveAfterMs: number;
  readonly inputKeying: 'auto' | 'rekey';
  readonly features: readonly string[];
  /** Beside the base windows of windowMs. */
  readonly windows: readonly LargerWindow[];
  /** Where the readings are in a record; undefined for sensor_id, timestamp in ms and value. */
  readonly input?: InputDeclaration | undefined;
}

/**
 * Throws InvariantError where a number is outside what the fold is right for; the configuration is
 * stricter.
 */
export function assertSemantics(semantics: Semantics): void {
  const whole = (name: string, value: number, min: number): void => {
    assert(Number.isSafeInteger(value) && value >= min, `${name}: expected an integer ≥ ${min}`, {
      value,
    });
  };
  whole('windowMs', semantics.windowMs, 1);
  // A reading must not close its own window: the watermark stays at or below it.
  whole('watermarkDelayMs', semantics.watermarkDelayMs, 0);
  whole('maxAheadMs', semantics.maxAheadMs, 0);
  whole('anomalyWarmup', semantics.anomalyWarmup, 0);
  whole('sensorsMax', semantics.sensorsMax, 1);
  if (semantics.sensorTtlMs !== Infinity) whole('sensorTtlMs', semantics.sensorTtlMs, 1);
  const { alarmResolveAfterMs, silentAfterMs, stuckAfter } = semantics;
  if (alarmResolveAfterMs !== Infinity) whole('alarmResolveAfterMs', alarmResolveAfterMs, 1);
  if (silentAfterMs !== 'auto' && silentAfterMs !== Infinity) {
    whole('silentAfterMs', silentAfterMs, 1);
  }
  if (stuckAfter !== Infinity) whole('stuckAfter', stuckAfter, 2);
  for (const window of semantics.windows) {
    const problem = largerWindowProblem(window, semantics.windowMs);
    assert(problem === undefined, `windows: ${problem ?? ''}`);
  }
  assert(semantics.baselineHalfLife >= 1, 'baselineHalfLife: expected at least one reading');
  assert(semantics.anomalyThreshold > 0, 'anomalyThreshold: expected a positive number');
}
