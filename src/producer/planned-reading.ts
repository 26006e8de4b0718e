// A reading a source plans to send, or deliberate garbage, and the time it is due.

export interface PlannedReading {
  /** Due time, ms after the start; never decreases from one reading to the next. */
  readonly dueMs: number;
  readonly sensorId: string;
  /** Event time, ms since epoch. */
  readonly timestampMs: number;
  readonly value: number;
  /** `late` arrives after its window has closed; `bad` is sent as bytes that are not a reading. */
  readonly kind: 'good' | 'late' | 'bad';
}
