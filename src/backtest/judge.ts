// Compares alarms with labels: which windows were hit, how soon, and how many alarms were false. A
// window counts once, however many alarms it has; an alarm outside all windows is false.
import type { LabelWindow } from './labels.ts';

export interface WindowVerdict extends LabelWindow {
  readonly readings: number;
  readonly alarms: number;
  /** Event time of the window's earliest alarm; undefined if it was missed. */
  readonly firstAlarmMs: number | undefined;
}

export interface Verdict {
  readonly windows: readonly WindowVerdict[];
  readonly windowsHit: number;
  readonly falseAlarms: number;
  /** Per 1,000 readings of all, inside and outside windows. */
  readonly falseAlarmsPer1000: number;
  readonly readingsOutside: number;
  /** Mean and maximum time from a window's start to its first alarm, over the windows hit. */
  readonly delayMeanMs: number | undefined;
  readonly delayMaxMs: number | undefined;
}

export interface Judge {
  /** Adds one reading, in any order of time. */
  add(timestampMs: number, isAlarm: boolean): void;
  verdict(): Verdict;
}

/** Returns a judge without readings; `windows` may overlap. */
export function createJudge(windows: readonly LabelWindow[]): Judge {
  const tallies = windows.map(() => ({ readings: 0, alarms: 0, firstAlarmMs: Infinity }));
  let [readings, readingsOutside, falseAlarms] = [0, 0, 0];
  const add = (timestampMs: number, isAlarm: boolean): void => {
    readings += 1;
    let isInside = false;
    for (const [place, window] of windows.entries()) {
      if (timestampMs < window.startMs || timestampMs > window.endMs) continue;
      isInside = true;
      const tally = tallies[place];
      if (tally === undefined) continue;
      tally.readings += 1;
      if (!isAlarm) continue;
      tally.alarms += 1;
      tally.firstAlarmMs = Math.min(tally.firstAlarmMs, timestampMs);
    }
    if (isInside) return;
    readingsOutside += 1;
    if (isAlarm) falseAlarms += 1;
  };
  const verdict = (): Verdict => {
    const judged = windows.map((window, place) => {
      const { readings: within = 0, alarms = 0, firstAlarmMs } = tallies[place] ?? {};
      return {
        ...window,
        readings: within,
        alarms,
        firstAlarmMs: alarms > 0 ? firstAlarmMs : undefined,
      };
    });
    const delaysMs = judged.flatMap(({ startMs, firstAlarmMs }) =>
      firstAlarmMs === undefined ? [] : [firstAlarmMs - startMs],
    );
    const sumMs = delaysMs.reduce((sum, delayMs) => sum + delayMs, 0);
    return {
      windows: judged,
      windowsHit: delaysMs.length,
      falseAlarms,
      falseAlarmsPer1000: readings === 0 ? 0 : (falseAlarms * 1000) / readings,
      readingsOutside,
      delayMeanMs: delaysMs.length === 0 ? undefined : sumMs / delaysMs.length,
      delayMaxMs: delaysMs.length === 0 ? undefined : Math.max(...delaysMs),
    };
  };
  return { add, verdict };
}
