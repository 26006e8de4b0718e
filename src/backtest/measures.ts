// Numbers of a backtest as people read them.

export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

/** Returns a rate or a share with two decimals; a dash for undefined. */
export function rate(value: number | undefined): string {
  return value === undefined ? '–' : value.toFixed(2);
}

/** Returns how many there are per 1,000 readings. */
export function per1000(number: number, readings: number): number {
  return readings === 0 ? 0 : (number * 1000) / readings;
}

/** Returns a length of time in its largest fitting unit; a dash for undefined. */
export function span(ms: number | undefined): string {
  if (ms === undefined) return '–';
  const minutes = ms / 60_000;
  if (minutes < 1) return `${(ms / 1000).toFixed(1)} s`;
  if (minutes < 90) return `${minutes.toFixed(0)} min`;
  return minutes < 48 * 60 ? `${(minutes / 60).toFixed(1)} h` : `${(minutes / 1440).toFixed(1)} d`;
}
