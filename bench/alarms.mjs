// Judges the two rests after an alarm on labelled real series: windows hit and false alarms of
// `backtest`, side by side.
//
//   node bench/alarms.mjs --nab DIR     DIR: a checkout of https://github.com/numenta/NAB (58 series, 116 windows)
//
// Also judges the two series of each of the four motes in data/: an event is a run of labelled
// readings.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { report } from './result.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const rests = ['fixed', 'calm'];
/** Readings of one event may pause this long; an alarm may come this long after its last. */
const eventSlack = 12;
const moteStartMs = Date.UTC(2010, 0, 1);
const moteIntervalMs = 5_000;

const { values: options } = parseArgs({ options: { nab: { type: 'string' } } });
const scratch = mkdtempSync(join(tmpdir(), 'alarms-'));
try {
  const groups = { motes: moteSeries() };
  if (options.nab !== undefined) groups.nab = nabSeries(options.nab);
  const judged = Object.fromEntries(
    Object.entries(groups).map(([name, series]) => [name, judgeAll(name, series)]),
  );
  report('alarms', { judged });
} finally {
  rmSync(scratch, { recursive: true });
}

function judgeAll(name, series) {
  const verdicts = series.map((one, index) => {
    process.stderr.write(`${name}: ${index + 1} of ${series.length}\r`);
    return Object.fromEntries(rests.map((rest) => [rest, judge(one, rest)]));
  });
  process.stderr.write('\n');
  const total = (rest, field) => verdicts.reduce((sum, one) => sum + one[rest][field], 0);
  const fewer = (field, better, worse) =>
    verdicts.filter((one) => one[better][field] < one[worse][field]).length;
  return {
    series: series.length,
    readings: total('calm', 'readings'),
    windows: total('calm', 'windows'),
    ...Object.fromEntries(
      rests.map((rest) => [
        rest,
        { windowsHit: total(rest, 'hit'), falseAlarms: total(rest, 'falseAlarms') },
      ]),
    ),
    fewerFalseAlarmsWithCalm: fewer('falseAlarms', 'calm', 'fixed'),
    fewerFalseAlarmsWithFixed: fewer('falseAlarms', 'fixed', 'calm'),
  };
}

function judge({ file, labels }, rest) {
  const args = ['dist/main.js', 'backtest', '--json', '--input', file, '--labels', labels];
  const env = { ...process.env, ALARM_REST: rest };
  const result = JSON.parse(execFileSync(process.execPath, args, { cwd: root, env }));
  return {
    readings: result.readings,
    windows: result.labels.windows,
    hit: result.labels.windows_hit,
    falseAlarms: result.labels.false_alarms,
  };
}

function nabSeries(directory) {
  const windows = JSON.parse(readFileSync(join(directory, 'labels/combined_windows.json')));
  return Object.entries(windows).map(([name, labels]) => ({
    file: join(directory, 'data', name),
    labels: written(`${basename(name)}.labels.json`, JSON.stringify(labels)),
  }));
}

function moteSeries() {
  const series = [];
  for (const hop of ['multi', 'single']) {
    const lines = readFileSync(join(root, `data/suthaharan-${hop}-hop.csv`), 'utf8').split('\n');
    const rows = lines.slice(1).filter(Boolean);
    for (const [column, at] of Object.entries({ humidity: 3, temperature: 4 })) {
      for (const mote of ['1', '2', '3', '4']) {
        const readings = rows.map((row) => row.split(',')).filter((row) => row[1] === mote);
        series.push(moteSeriesOf(`${hop}-${mote}-${column}`, readings, at));
      }
    }
  }
  return series;
}

function moteSeriesOf(name, readings, column) {
  const timeMs = (index) => moteStartMs + index * moteIntervalMs;
  const events = [];
  readings.forEach((row, index) => {
    if (row[5].trim() !== '1') return;
    const last = events.at(-1);
    if (last !== undefined && index - last[1] <= eventSlack) last[1] = index;
    else events.push([index, index]);
  });
  const windows = events.map(([first, last]) =>
    [timeMs(first), timeMs(last + eventSlack)].map((ms) => new Date(ms).toISOString()),
  );
  const csv = readings.map((row, index) => `${timeMs(index)},${row[column]}`);
  return {
    file: written(`${name}.csv`, `timestamp,value\n${csv.join('\n')}\n`),
    labels: written(`${name}.labels.json`, JSON.stringify(windows)),
  };
}

function written(name, text) {
  const path = join(scratch, name);
  writeFileSync(path, text);
  return path;
}
