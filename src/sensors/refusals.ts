// Why a decoded reading is not folded, as dead-letter reasons. They name what was expected and what
// came; the record's own place is added by whoever writes the dead letter.
import type { DeadLetterReason } from './reading.ts';
import { likelyUnit } from './time-unit.ts';

export const quarantinedReason: DeadLetterReason = {
  code: 'quarantined',
  message: 'the sensor is quarantined; release it to have its readings folded again',
};

export const batchTooLargeReason: DeadLetterReason = {
  code: 'too_large',
  message: 'its batch, compressed by the producer, inflates to more than 256 MiB',
};

/** Returns the reason for a reading whose window, ending at `windowEndMs`, had closed. */
export function lateReason(
  timestampMs: number,
  windowEndMs: number,
  watermarkMs: number,
): DeadLetterReason {
  return {
    code: 'late',
    message:
      `timestamp ${timestampMs} belongs to the window that ended at ${windowEndMs}, ` +
      `closed by the watermark ${watermarkMs}`,
  };
}

/** Returns the reason for a reading whose clock leads its record's by more than is allowed. */
export function aheadReason(
  timestampMs: number,
  recordTimestampMs: number,
  maxAheadMs: number,
): DeadLetterReason {
  const aheadMs = timestampMs - recordTimestampMs;
  return {
    code: 'timestamp_ahead',
    message:
      `timestamp ${timestampMs} is ${aheadMs} ms past its record's ${recordTimestampMs}; ` +
      `at most ${maxAheadMs} is allowed${aheadCause(timestampMs, recordTimestampMs, maxAheadMs)}`,
  };
}

/** Why it may be no wrong clock of the sensor: its unit, or a record without a timestamp. */
function aheadCause(timestampMs: number, recordTimestampMs: number, maxAheadMs: number): string {
  if (recordTimestampMs <= 0) {
    return (
      "; the record's own timestamp is none: have the producer set it, or the topic " +
      '(message.timestamp.type=LogAppendTime)'
    );
  }
  const likely = likelyUnit(timestampMs, 'ms', recordTimestampMs, maxAheadMs);
  return likely === undefined
    ? ''
    : `; it is likely in ${likely.unit}, not ms: INPUT_SCHEMA declares it, time_unit: ${likely.unit}`;
}

/** Returns the reason for a reading in a window that no calendar date can name. */
export function rangeReason(timestampMs: number): DeadLetterReason {
  return {
    code: 'timestamp_range',
    message: `expected a timestamp whose window lies within ±8.64e15 ms of 1970, got ${timestampMs}`,
  };
}

/** Returns the reason for the first reading of one sensor too many. */
export function sensorsMaxReason(sensorsMax: number): DeadLetterReason {
  return {
    code: 'sensors_max',
    message: `the shard already holds ${sensorsMax} sensors, the most SENSORS_MAX allows`,
  };
}
