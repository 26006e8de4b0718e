// The alarms that other sensitivities would raise, from the same pass: scores do not depend on the
// line, so only the rest after an alarm is kept for each. The one exception: in the robust
// baseline an alarm ends the score of a stuck run, and it does so where the configured line does.
import { adaptiveRules, alarmRests, type AlarmRest } from '../sensors/baseline-adaptive.ts';

/** A reading is loud from a score of 3 / sensitivity on; 1 is the configured line. */
export const sensitivities: readonly number[] = [
  0.2, 0.3, 0.4, 0.5, 0.6, 0.75, 0.9, 1, 1.2, 1.5, 2, 3, 5,
];
export const configuredSensitivity: number = sensitivities.indexOf(1);

const { alarmScore, calmScore } = adaptiveRules;
const linesCount = sensitivities.length;

export class SensitivityRests {
  private readonly rest: AlarmRest;
  private readonly lines: Float64Array = Float64Array.from(
    sensitivities,
    (sensitivity) => alarmScore / sensitivity,
  );
  private left: Float64Array = new Float64Array(16 * linesCount);

  constructor(alarmRest: keyof typeof alarmRests) {
    this.rest = alarmRests[alarmRest];
  }

  /** Returns the sensitivities at which `score` raises an alarm, as bits by their place. */
  alarmsAt(slot: number, score: number): number {
    const base = slot * linesCount;
    if (base + linesCount > this.left.length) this.grow(base + linesCount);
    const { left, lines, rest } = this;
    const passed = score < calmScore ? rest.calmReading : 1;
    let alarms = 0;
    for (let line = 0; line < linesCount; line += 1) {
      const remaining = (left[base + line] ?? 0) - passed;
      if (score >= (lines[line] ?? Infinity) && remaining <= 0) {
        alarms |= 1 << line;
        left[base + line] = rest.readings;
      } else {
        left[base + line] = remaining > 0 ? remaining : 0;
      }
    }
    return alarms;
  }

  private grow(needed: number): void {
    const larger = new Float64Array(Math.max(needed, this.left.length * 2));
    larger.set(this.left);
    this.left = larger;
  }
}
