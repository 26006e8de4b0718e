// Larger windows: tumbling and hopping windows made of whole base windows. What is declared of one,
// and what must hold between it and the base.

export interface LargerWindow {
  /** As declared, `5m` or `5m/1m`: names its topic and view. */
  readonly name: string;
  readonly sizeMs: number;
  /** From the start of one to the start of the next; the size where they tumble. */
  readonly hopMs: number;
}

/**
 * Returns the name of the window’s topic or view: `sensor_features_5m`, `sensor_features_5m_1m`.
 */
export function windowName(prefix: string, window: LargerWindow): string {
  return `${prefix}_${window.name.replace('/', '_')}`;
}

/**
 * Open windows of one sensor and one declaration at a time, and merges for each base window that
 * closes.
 */
export const hopsMax = 1_440;

/**
 * Returns why `window` cannot be made of base windows of `windowMs`, or undefined.
 *
 * Size and hop are multiples of the base, so that every base window lies in a larger one whole or
 * not at all. The hop divides the size, so that every reading counts in the same number of them.
 */
export function largerWindowProblem(window: LargerWindow, windowMs: number): string | undefined {
  const { name, sizeMs, hopMs } = window;
  const base = `WINDOW_MS, ${windowMs} ms`;
  if (sizeMs <= windowMs) return `${name} is not longer than ${base}`;
  if (sizeMs % windowMs !== 0) return `the size of ${name} is no multiple of ${base}`;
  if (hopMs % windowMs !== 0) return `the hop of ${name} is no multiple of ${base}`;
  if (sizeMs % hopMs !== 0) return `the hop of ${name} does not divide its size`;
  if (sizeMs / hopMs > hopsMax) return `the hop of ${name} is less than 1/${hopsMax} of its size`;
  return undefined;
}
