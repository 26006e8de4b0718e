// What a source of readings plans to send: a reading (or deliberate rubbish) and when it is due.

export interface PlannedReading {
  /** When to send it, ms after the start; never smaller than that of the one before. */
  readonly dueMs: number;
  readonly sensorId: string;
  /** Event time, ms since epoch. */
  readonly timestampMs: number;
  readonly value: number;
  /** `late` is meant to arrive behind its closed window; `bad` is sent as bytes that are no reading. */
  readonly kind: 'good' | 'late' | 'bad';
}
