// The rules of src/sensors/robust-surprise.ts and robust-rules.ts, the same expressions in their
// order: the same doubles, to the last bit.
import {
  clipFrom,
  clipSpreads,
  dayBinMs,
  dayBins,
  firstWildShare,
  profileDaysMax,
  profileShare,
  profileVisits,
  residualsMin,
  robustBins,
  robustFirstVisit,
  robustLeastStep,
  robustLevel,
  robustLongSurprise,
  robustLongWeight,
  robustRangeGain,
  robustRangeHigh,
  robustRangeLow,
  robustRepeats,
  robustResidualSquares,
  robustResidualWeight,
  robustRun,
  robustRunMax,
  robustSettle,
  robustShortSurprise,
  robustShortWeight,
  robustSpreadMin,
  robustSurpriseMax,
  robustUsualLong,
  robustUsualShort,
  robustUsualWeight,
  robustVisit,
  robustVisitCount,
  robustVisitMean,
  robustWildReadings,
  stuckRunMin,
  unknownBin,
} from './host-layout';
import { scoreContext } from './robust-context';
import {
  atLeast,
  count,
  decay,
  floorNow,
  follow,
  isSettled,
  keptValue,
  levelZ2,
  longDecay,
  shortDecay,
  step,
  stepZ2,
  timeMs,
  value,
  variance,
  weightNow,
} from './robust-reading';
import { log } from './statistics';

/** Returns the greatest score of the rules; each learns the reading. */
export function scoreRules(base: usize): f64 {
  let best = scoreSurprise(base);
  best = atLeast(best, scoreRange(base));
  best = atLeast(best, scoreStuck(base));
  return atLeast(best, scoreContext(base));
}

function scoreSurprise(base: usize): f64 {
  const both = sqrt(compareWithDay(base) + stepZ2);
  const surprise = log(1 + (both < robustSurpriseMax ? both : robustSurpriseMax));
  const weightShort = shortDecay * load<f64>(base, robustShortWeight) + 1;
  const weightLong = longDecay * load<f64>(base, robustLongWeight) + 1;
  const short = follow(base + robustShortSurprise, surprise, weightShort);
  const long = follow(base + robustLongSurprise, surprise, weightLong);
  store<f64>(base, weightShort, robustShortWeight);
  store<f64>(base, weightLong, robustLongWeight);
  if (count < robustSettle) return 0;
  const weight = load<f64>(base, robustUsualWeight);
  let best: f64 = 0;
  if (isSettled) {
    best = atLeast(best, excess(base + robustUsualShort, short, weight));
    best = atLeast(best, excess(base + robustUsualLong, long, weight));
  }
  const decayed = decay * weight;
  store<f64>(base, decayed + 1, robustUsualWeight);
  learnUsual(base + robustUsualShort, short, decayed);
  learnUsual(base + robustUsualLong, long, decayed);
  return best;
}

function compareWithDay(base: usize): f64 {
  const now = enterVisit(base);
  let z2 = levelZ2;
  const profile = load<f64>(base + robustBins + (binOf(now) << 3));
  if (profile != unknownBin && now - load<f64>(base, robustFirstVisit) >= profileVisits) {
    const least = floorNow * floorNow;
    const residual = (value - profile) * (value - profile);
    const weight = load<f64>(base, robustResidualWeight);
    const squares = load<f64>(base, robustResidualSquares);
    const usual = weight > 0 ? squares / weight : 0;
    const levelVariance = load<f64>(base, robustLevel + 24) / weightNow;
    if (weight > residualsMin && usual < profileShare * levelVariance) {
      z2 = residual / atLeast(least, usual);
    }
    const residualMax = clipSpreads * clipSpreads * variance;
    store<f64>(base, decay * weight + 1, robustResidualWeight);
    store<f64>(
      base,
      decay * squares + (residual < residualMax ? residual : residualMax),
      robustResidualSquares,
    );
  }
  const visits = load<f64>(base, robustVisitCount) + 1;
  store<f64>(base, visits, robustVisitCount);
  follow(base + robustVisitMean, keptValue, visits);
  return z2;
}

function enterVisit(base: usize): f64 {
  const now = floor(timeMs / dayBinMs);
  if (count == 0) {
    for (let bin: usize = 0; bin < <usize>dayBins; bin += 1) {
      store<f64>(base + robustBins + (bin << 3), unknownBin);
    }
    store<f64>(base, now, robustVisit);
    store<f64>(base, now, robustFirstVisit);
  }
  const before = load<f64>(base, robustVisit);
  if (now == before || now == before - 1) return now;
  const bin = base + robustBins + (binOf(before) << 3);
  const mean = load<f64>(base, robustVisitMean);
  const known = load<f64>(bin);
  const visits = before - load<f64>(base, robustFirstVisit);
  const days = visits > 0 ? floor(visits / dayBins) + 1 : 1;
  const share = 1 / (days < profileDaysMax ? days : profileDaysMax);
  store<f64>(bin, known == unknownBin ? mean : known + (mean - known) * share);
  store<f64>(base, now, robustVisit);
  store<f64>(base, 0, robustVisitMean);
  store<f64>(base, 0, robustVisitCount);
  return now;
}

function binOf(visitNumber: f64): usize {
  return <usize>((<i64>visitNumber) & (<i64>dayBins - 1));
}

function scoreRange(base: usize): f64 {
  if (count == 0) {
    store<f64>(base, value, robustRangeLow);
    store<f64>(base, value, robustRangeHigh);
    return 0;
  }
  const low = load<f64>(base, robustRangeLow);
  const high = load<f64>(base, robustRangeHigh);
  const width = high - low > floorNow ? high - low : floorNow;
  const clips = count >= clipFrom && high > low;
  const middle = 0.5 * (high + low);
  const shrink = 1 - decay;
  const highNext = high - shrink * (high - middle);
  const lowNext = low + shrink * (middle - low);
  const isAbove = clips && value > highNext + width;
  const isBelow = clips && value < lowNext - width;
  const wild = load<f64>(base, robustWildReadings);
  const reach = wild < 0.5 ? firstWildShare * width : width;
  const upper = isAbove ? highNext + reach : value;
  const lower = isBelow ? lowNext - reach : value;
  store<f64>(base, decay * wild + (isAbove || isBelow ? 1 : 0), robustWildReadings);
  store<f64>(base, upper > highNext ? upper : highNext, robustRangeHigh);
  store<f64>(base, lower < lowNext ? lower : lowNext, robustRangeLow);
  const outside = value > high ? value - high : low - value;
  if (!isSettled || !(high > low) || !(outside > 0)) return 0;
  return (robustRangeGain * outside) / width;
}

function scoreStuck(base: usize): f64 {
  const isRepeat = count > 0 && step == 0;
  const before = load<f64>(base, robustRun);
  const length: f64 = isRepeat ? abs(before) + 1 : 0;
  const isTold = isRepeat && before < 0;
  const longest = load<f64>(base, robustRunMax);
  const ended: f64 = isRepeat ? 0 : abs(before);
  const longer = ended > longest ? ended : longest;
  const longestNext = longer - (1 - decay) * longer;
  const repeatsBefore = load<f64>(base, robustRepeats);
  const isUsual = isRepeat && length <= 3 * longestNext + 30;
  store<f64>(base, isTold ? -length : length, robustRun);
  store<f64>(base, longestNext, robustRunMax);
  store<f64>(base, decay * repeatsBefore + (isUsual ? 1 : 0), robustRepeats);
  const hasMoved = load<f64>(base, robustLeastStep) > 0;
  if (!isSettled || length < stuckRunMin || isTold || !hasMoved) return 0;
  const probability = (repeatsBefore + 1) / (weightNow + 2);
  const improbable = (-length * log(probability)) / 20;
  const unusual = (length + 1) / (3 * (longestNext + 1));
  const least = improbable < unusual ? improbable : unusual;
  return least >= 1 ? 3 * least : 0;
}

function excess(at: usize, surprise: f64, weight: f64): f64 {
  const spread = sqrt(load<f64>(at, 8) / weight);
  return (surprise - load<f64>(at)) / (spread > robustSpreadMin ? spread : robustSpreadMin);
}

function learnUsual(at: usize, surprise: f64, decayed: f64): void {
  const deviation = surprise - load<f64>(at);
  const share = deviation / (decayed + 1);
  store<f64>(at, load<f64>(at) + share);
  store<f64>(at, decay * load<f64>(at, 8) + decayed * deviation * share, 8);
}
