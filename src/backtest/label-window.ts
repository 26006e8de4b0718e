// A time range in which people marked a series as anomalous.

export interface LabelWindow {
  /** Both ends belong to the window. */
  readonly startMs: number;
  readonly endMs: number;
  /** The labelled moment inside the window, if the labels have one. */
  readonly labelMs: number | undefined;
  /** The only file, or the only sensor, that the window is about; undefined: all of them. */
  readonly path?: string | undefined;
  readonly sensorId?: string | undefined;
}

/** Returns the window that a labelled moment stands for. */
export function around(labelMs: number, reachMs: number): LabelWindow {
  return { startMs: labelMs - reachMs, endMs: labelMs + reachMs, labelMs };
}
