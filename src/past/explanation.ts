// Explains why a reading was or was not flagged: its baseline, the verdict of the fold, and a
// sentence. The verdict is not recomputed: the record is folded, and the outcome of that fold is
// reported.
import { fieldsAmong, restoreDeadLetter } from '../codecs/dead-letter.ts';
import type { Outgoing } from '../actors/outgoing.ts';
import { assert } from '../errors.ts';
import type { ReadingPreview } from '../sensors/baseline.ts';
import type { AlarmChannel } from '../sensors/robust-slot.ts';
import type { SensorInspection } from '../sensors/shard-state.ts';
import { windowStartMs } from '../sensors/window.ts';
import { explanationSentence } from './explanation-sentence.ts';
import { findForgotten, type SensorReading } from './find-sensor.ts';
import { foldNext, type PastShard } from './past-shard.ts';
import type { PastContext } from './past-context.ts';

export interface ReadingExplanation {
  readonly offset: number;
  readonly timestamp: number;
  readonly record_timestamp: number;
  readonly value: number;
  /** The field of the value, where INPUT_SCHEMA declares one. */
  readonly field?: string;
  readonly window: { readonly start: number; readonly end: number };
  /** ms; null before the first reading. */
  readonly watermark_before: number | null;
  /** null before the sensor's first reading. */
  readonly sensor_before: SensorInspection | null;
  /**
   * Offset of an earlier reading, if `sensor_before` is null because the sensor was forgotten after
   * SENSOR_TTL; else null.
   */
  readonly forgotten_reading: number | null;
  readonly outcome: 'folded' | 'dead_letter';
  readonly reason: { readonly code: string; readonly message: string } | null;
  /** In standard deviations, signed; 0 during warm-up; null if the reading was not folded. */
  readonly z: number | null;
  readonly anomaly_threshold: number;
  readonly anomaly: boolean;
  readonly score: number | null;
  readonly alarm: boolean;
  /** The rule that gave the score, with BASELINE=robust, which has several. */
  readonly channel?: AlarmChannel;
  /** null under a baseline without alarms. */
  readonly alarm_rule: {
    readonly score_min: number;
    /** Readings left in the rest after the last alarm, before this one. */
    readonly rest_left: number;
    readonly rest_readings: number;
    readonly calm_reading: number;
    readonly warm_readings: number;
    readonly range: readonly [number, number];
    readonly range_score: number;
  } | null;
  readonly sentence: string;
}

/** Folds `reading`, the record at the offset of `past`, and returns why it was judged as it was. */
export async function explainReading(
  context: PastContext,
  past: PastShard,
  sensorId: string,
  reading: SensorReading,
): Promise<ReadingExplanation> {
  const { semantics } = context;
  const { state } = past.memory;
  assert(reading.offset === past.offset, 'the state is that which the reading met');
  const before = state.inspect(sensorId);
  const forgotten =
    before === undefined ? await findForgotten(context, past, sensorId, reading.offset) : undefined;
  const preview = state.preview(sensorId, reading.value, reading.timestampMs);
  const watermarkMs = state.watermarkMs;
  const outgoing = await foldNext(context, past);
  const reason = past.skipped ?? (outgoing === undefined ? null : refusal(outgoing, reading.field));
  const startMs = windowStartMs(reading.timestampMs, semantics.windowMs);
  const folded = reason === null;
  const told = {
    offset: reading.offset,
    timestamp: reading.timestampMs,
    record_timestamp: reading.recordTimestampMs,
    value: reading.value,
    ...(reading.field === undefined ? {} : { field: reading.field }),
    window: { start: startMs, end: startMs + semantics.windowMs },
    watermark_before: Number.isFinite(watermarkMs) ? watermarkMs : null,
    sensor_before: before ?? null,
    forgotten_reading: forgotten?.offset ?? null,
    outcome: folded ? ('folded' as const) : ('dead_letter' as const),
    reason,
    ...judgement(folded ? preview : undefined),
    anomaly_threshold: semantics.anomalyThreshold,
  };
  return { ...told, sentence: explanationSentence(told) };
}

function judgement(
  preview: ReadingPreview | undefined,
): Pick<ReadingExplanation, 'z' | 'anomaly' | 'score' | 'alarm' | 'channel' | 'alarm_rule'> {
  const view = preview?.alarmView;
  return {
    z: preview?.z ?? null,
    anomaly: preview?.anomaly ?? false,
    score: view === undefined ? null : (preview?.score ?? null),
    alarm: preview?.alarm ?? false,
    ...(preview?.channel === undefined ? {} : { channel: preview.channel }),
    alarm_rule:
      view === undefined
        ? null
        : {
            score_min: view.alarmScore,
            rest_left: view.restLeft,
            rest_readings: view.restReadings,
            calm_reading: view.calmReading,
            warm_readings: view.warmReadings,
            range: [view.low, view.high],
            range_score: view.rangeScore,
          },
  };
}

/** Why the reading is a dead letter; `field` names it among others of its record. */
function refusal(
  { others }: Outgoing,
  field: string | undefined,
): { readonly code: string; readonly message: string } | null {
  const letter = others.find(({ reason }) => reason !== undefined);
  if (letter === undefined) return null;
  const { key, value, headers = [] } = letter.record;
  if (field !== undefined && fieldsAmong(headers)?.has(field) === false) return null;
  const { reason: code, message } = restoreDeadLetter({ key, value, headers });
  return { code, message };
}
