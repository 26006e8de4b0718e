// The feature row as a value: one closed window of one sensor. Its JSON (and Avro) bytes are a fixed contract.

export interface FeatureRow {
  readonly sensor_id: string;
  /** ms since epoch, inclusive. */
  readonly window_start: number;
  /** ms since epoch, exclusive. */
  readonly window_end: number;
  /** ISO 8601 of window_end. */
  readonly event_time: string;
  readonly features: Readonly<Record<string, number>>;
  readonly lineage: {
    readonly topic: string;
    readonly partition: number;
    readonly first_offset: number;
    readonly last_offset: number;
  };
}
