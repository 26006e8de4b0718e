// The profile of the day that a sensor of the robust baseline has learned, for people. Its rule
// lies in robust-surprise.ts.
import { robustRules, robustSlot } from './robust-slot.ts';

const { bins, firstVisit, learned, level, residualSquares, residualWeight, visit } = robustSlot;
const { dayBins, profileShare, profileVisits, residualsMin, unknownBin } = robustRules;

export interface DayProfile {
  /** Whole days of event time since the sensor's first reading. */
  readonly days_seen: number;
  /** The days that a profile needs before readings are compared with it. */
  readonly days_needed: number;
  /** Parts of the day whose mean is known, of `parts`. */
  readonly parts_known: number;
  readonly parts: number;
  /** Whether readings in a known part are compared with the profile, as it explains the sensor. */
  readonly in_use: boolean;
}

/** Returns the profile of the slot at `base`. */
export function viewDayProfile(columns: Float64Array, base: number): DayProfile {
  const at = (column: number): number => columns[base + column] ?? 0;
  const visits = at(visit) - at(firstVisit);
  const means = columns.subarray(base + bins, base + bins + dayBins);
  const isEmpty = at(learned) === 0;
  const weight = at(residualWeight);
  const usual = weight > 0 ? at(residualSquares) / weight : 0;
  const levelVariance = at(level + 3) / at(level);
  return {
    days_seen: Math.floor(visits / dayBins),
    days_needed: profileVisits / dayBins,
    parts_known: isEmpty ? 0 : means.filter((mean) => mean !== unknownBin).length,
    parts: dayBins,
    in_use:
      visits >= profileVisits && weight > residualsMin && usual < profileShare * levelVariance,
  };
}
