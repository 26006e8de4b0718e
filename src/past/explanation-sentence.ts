// Turns an explanation into sentences for a reader who does not know the code.
import type { AlarmChannel } from '../sensors/robust-slot.ts';
import type { ReadingExplanation } from './explanation.ts';

type Told = Omit<ReadingExplanation, 'sentence'>;

const channelReasons: Readonly<Record<AlarmChannel, string>> = {
  none: '',
  spike: ', for its last few readings being more unusual than is usual for it (spike)',
  shift: ', for its readings being unusual for longer than is usual for it (shift)',
  season: ", for its readings lying off the sensor's profile of the day (season)",
  range: ", for lying outside the sensor's range (range)",
  stuck: ', for repeating one value longer than it ever did lately (stuck)',
  context: ', for mean and roughness that it did not have lately (context)',
};

/** Returns the outcome of the reading and its reason, with the numbers that decided. */
export function explanationSentence(told: Told): string {
  if (told.reason !== null) return refusedSentence(told, told.reason);
  const { sensor_before: before, value } = told;
  if (before === null || before.baseline.n === 0) {
    const first = `${shown(value)} is the first reading of this sensor's baseline`;
    return `${first}${againSince(told)}: there is nothing to compare it with.`;
  }
  return `${anomalySentence(told, before.baseline)} ${alarmSentence(told, before.baseline.n)}`.trim();
}

/** Why a sensor that was heard before has an empty baseline. */
function againSince({ forgotten_reading: offset }: Told): string {
  if (offset === null) return '';
  return ` since it was forgotten after SENSOR_TTL (heard before, at offset ${offset})`;
}

function refusedSentence(
  { window, watermark_before: watermark }: Told,
  { code, message }: { readonly code: string; readonly message: string },
): string {
  if (code !== 'late') return `Refused as a dead letter (${code}): ${message}.`;
  const at = watermark === null ? '' : ` (the watermark was ${time(watermark)})`;
  return `Refused as a dead letter (late): its window [${time(window.start)}, ${time(window.end)}) had closed${at}.`;
}

function anomalySentence(
  { z, value, anomaly, anomaly_threshold: threshold }: Told,
  { mean, std_dev: deviation, n }: { mean: number; std_dev: number; n: number },
): string {
  const sensor = `this sensor's mean of ${shown(mean)} (standard deviation ${shown(deviation)}, ${n} readings)`;
  if (z === null || z === 0) {
    const isTooEarly = n < 3 || deviation === 0;
    const reason = isTooEarly ? 'the baseline has learned too little' : 'it equals the mean';
    return `${shown(value)} was compared with ${sensor}: no anomaly, because ${reason}.`;
  }
  const side = z > 0 ? 'above' : 'below';
  const size = `${shown(Math.abs(z))} standard deviations ${side} ${sensor}`;
  return anomaly
    ? `${shown(value)} is ${size}, more than the threshold ${threshold}: an anomaly.`
    : `${shown(value)} is ${size}, within the threshold ${threshold}: no anomaly.`;
}

function alarmSentence(told: Told, readings: number): string {
  const { score, alarm, alarm_rule: rule } = told;
  if (rule === null || score === null) return '';
  if (readings < rule.warm_readings) {
    return `No alarm: a surprise score needs ${rule.warm_readings} earlier readings, there are ${readings}.`;
  }
  const from = scoreOrigin(told, rule);
  if (alarm) return `Surprise score ${shown(score)} ≥ ${rule.score_min}${from}: an alarm.`;
  if (score < rule.score_min) {
    return `Surprise score ${shown(score)} < ${rule.score_min}: no alarm.`;
  }
  const calm = rule.calm_reading > 1 ? ` (a calm reading counts ${rule.calm_reading})` : '';
  return (
    `Surprise score ${shown(score)} ≥ ${rule.score_min}${from}, but no alarm: the sensor raised one recently and ` +
    `rests for ${rule.rest_left} of ${rule.rest_readings} more readings${calm}.`
  );
}

/** Says which rule gave the score; empty where the method has one rule besides the range. */
function scoreOrigin(
  { channel, score, value }: Told,
  { range: [low, high], range_score: rangeScore }: NonNullable<Told['alarm_rule']>,
): string {
  if (rangeScore > 0 && rangeScore === score) {
    const side = value > high ? 'above' : 'below';
    return `, for lying ${side} the sensor's range ${shown(low)} to ${shown(high)}`;
  }
  return channel === undefined ? '' : channelReasons[channel];
}

/** Returns `value` with four significant digits; the JSON output has all digits. */
function shown(value: number): string {
  return String(Number(value.toPrecision(4)));
}

function time(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? `${ms} ms` : date.toISOString();
}
