// `size`: what a load needs, from curves measured in docs/performance.md. Each constant names its
// measurement; the result is an estimate for the machine of that page.
import type { Command } from 'commander';

import { numberOption } from './command.ts';
import { printLine, type CliContext } from './context.ts';

export interface Load {
  readonly sensors: number;
  /** Readings a second of each sensor. */
  readonly rate: number;
  /** Seconds of a base window. */
  readonly windowS: number;
  /** Bytes of a record in the input topic, as stored. */
  readonly recordBytes: number;
  readonly retentionDays: number;
}

export interface Sizing {
  readonly readingsPerSecond: number;
  readonly rowsPerSecond: number;
  readonly cores: number;
  readonly workers: number;
  readonly partitions: number;
  readonly memoryBytes: number;
  readonly snapshotBytes: number;
  readonly redisBytes: number;
  readonly inputBytes: number;
  readonly outputBytes: number;
}

// docs/performance.md, "CPU a reading by sensors and partitions".
const coresIdle = 0.05;
const coreSecondsPerReading = 0.54e-6;
const coreSecondsPerRow = 7.3e-6;
// A core that is busy three fifths of the time absorbs a restart's backlog at 1.6 times the load.
const busyShare = 0.6;
// The same measurement: 0.3 GB with one partition and 0.5 GB with 16 at 1,000 sensors, 0.7 and
// 1.0 GB at a million.
const bytesIdle = 287e6;
const bytesPerPartition = 16e6;
const bytesPerSensor = 430;
// docs/performance.md, "A million sensors".
const snapshotBytesPerSensor = 262;
// MEMORY USAGE of Redis 7.0 for a sensor with the seven default features is 264; a bucket is 16.
const redisBytesPerSensor = 280;
// Key and JSON value of a row with the seven default features, uncompressed: 362 on average.
const rowBytes = 375;
const secondsPerDay = 86_400;

/** Returns what the load needs. */
export function sizingOf(load: Load): Sizing {
  const { sensors, rate, windowS, recordBytes, retentionDays } = load;
  const readingsPerSecond = sensors * rate;
  // A sensor without a reading in a window has no row of it.
  const rowsPerSecond = sensors * Math.min(rate, 1 / windowS);
  const cores =
    coresIdle + readingsPerSecond * coreSecondsPerReading + rowsPerSecond * coreSecondsPerRow;
  const workers = Math.max(1, Math.ceil(cores / busyShare));
  const partitions = Math.max(4, workers * 4);
  return {
    ...{ readingsPerSecond, rowsPerSecond, cores, workers, partitions },
    memoryBytes: bytesIdle + partitions * bytesPerPartition + sensors * bytesPerSensor,
    snapshotBytes: sensors * snapshotBytesPerSensor,
    redisBytes: sensors * redisBytesPerSensor,
    inputBytes: readingsPerSecond * recordBytes * secondsPerDay * retentionDays,
    outputBytes: rowsPerSecond * rowBytes * secondsPerDay * retentionDays,
  };
}

interface SizeFlags {
  readonly sensors: number;
  readonly rate: number;
  readonly window: number;
  readonly recordBytes: number;
  readonly retentionDays: number;
  readonly json?: true;
}

const examples = `
Estimates for a core of the machine in docs/performance.md, with the default features. Disk is of
one replica, uncompressed. Measure your own load before you buy anything.

Examples:
  node dist/main.js size --sensors 100000 --rate 1
  node dist/main.js size --sensors 5000 --rate 10 --window 300 --retention-days 30`;

/** Adds `size`. */
export function addSize(program: Command, { out }: CliContext): void {
  const decimals = { min: 0.000_001, max: 1e6, decimals: true } as const;
  program
    .command('size')
    .description('estimate cores, memory, partitions and disk for a load')
    .requiredOption('--sensors <number>', 'sensors', numberOption({ min: 1, max: 1e9 }))
    .requiredOption('--rate <number>', 'readings a second of each', numberOption(decimals))
    .option('--window <seconds>', 'length of a base window', numberOption(decimals), 60)
    .option('--record-bytes <number>', 'bytes of an input record', numberOption(decimals), 116)
    .option('--retention-days <number>', 'days that topics keep', numberOption(decimals), 7)
    .option('--json', 'print the numbers as JSON')
    .addHelpText('after', examples)
    .action(({ window: windowS, json, ...flags }: SizeFlags) => {
      const sizing = sizingOf({ ...flags, windowS });
      if (json === true) return printLine(out, JSON.stringify(sizing));
      for (const [name, text] of sizingLines(sizing)) printLine(out, `${name.padEnd(22)}${text}`);
    });
}

function sizingLines(sizing: Sizing): readonly (readonly [string, string])[] {
  const { cores, workers, partitions } = sizing;
  return [
    ['readings', `${rounded(sizing.readingsPerSecond)} a second`],
    ['feature rows', `${rounded(sizing.rowsPerSecond)} a second`],
    ['busy cores', rounded(cores)],
    [
      'WORKERS, in all',
      `${workers}, so that each is busy at most ${busyShare * 100} % of the time`,
    ],
    ['input partitions', `${partitions}, room for four times the threads`],
    ['memory', `${bytesText(sizing.memoryBytes)} in one process`],
    ['snapshots', bytesText(sizing.snapshotBytes)],
    ['Redis', bytesText(sizing.redisBytes)],
    ['input topic', bytesText(sizing.inputBytes)],
    ['feature topic', bytesText(sizing.outputBytes)],
  ];
}

function rounded(value: number): string {
  return Number(value.toPrecision(2)).toLocaleString('en');
}

function bytesText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(bytes) / 3)));
  return `${rounded(bytes / 1_000 ** power)} ${units[power]}`;
}
