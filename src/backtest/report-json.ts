// The report of a backtest as one JSON object.
import type { BacktestReport } from './backtest.ts';
import type { RunReport } from './configured-run.ts';
import type { Rates, Verdict } from './judge.ts';
import type { ReportNames } from './report-text.ts';

/** Returns the report as data; names are those of the documentation. */
export function reportJson(
  report: BacktestReport,
  { seconds, names }: { readonly seconds: number; readonly names: ReportNames },
): object {
  const { against, refused } = report;
  return {
    files: report.files,
    ...(refused.length === 0 ? {} : { unreadable_files: refused }),
    rows: report.rows,
    readings: report.readings,
    unreadable: report.unreadable,
    sensors: report.sensors,
    ...runJson(report),
    seconds: Number(seconds.toFixed(3)),
    ...(against === undefined ? {} : { against: { settings: names.against, ...runJson(against) } }),
  };
}

function runJson(run: RunReport): object {
  const { alarmsAt, channels, series, verdict } = run;
  return {
    anomalies: run.anomalies,
    alarms: run.alarms,
    feature_windows: run.windows,
    late_readings: run.late,
    ...(verdict === undefined ? {} : { labels: verdictJson(verdict) }),
    curve: alarmsAt.map(({ sensitivity, alarms }, at) => {
      const point = verdict?.curve[at];
      return { sensitivity, alarms, ...(point === undefined ? {} : ratesJson(point)) };
    }),
    channels: channels.map(({ channel, alarms, trueAlarms, falseAlarms, windowsHit }) => ({
      ...{ channel, alarms },
      ...(verdict === undefined
        ? {}
        : { true_alarms: trueAlarms, false_alarms: falseAlarms, windows_hit: windowsHit }),
    })),
    series: series.map((one) => ({
      sensor_id: one.sensorId,
      readings: one.readings,
      anomalies: one.anomalies,
      alarms: one.alarms,
      ...(verdict === undefined
        ? {}
        : {
            true_alarms: one.trueAlarms,
            false_alarms: one.falseAlarms,
            windows: one.windows,
            windows_hit: one.windowsHit,
          }),
    })),
  };
}

function verdictJson(verdict: Verdict): object {
  return {
    windows: verdict.windows.length,
    ...ratesJson(verdict),
    readings_outside_windows: verdict.readingsOutside,
    by_window: verdict.windows.map((window) => ({
      ...(window.path === undefined ? {} : { file: window.path }),
      ...(window.sensorId === undefined ? {} : { sensor_id: window.sensorId }),
      start: new Date(window.startMs).toISOString(),
      end: new Date(window.endMs).toISOString(),
      readings: window.readings,
      alarms: window.alarms,
      first_alarm:
        window.firstAlarmMs === undefined ? null : new Date(window.firstAlarmMs).toISOString(),
      delay_ms: window.firstAlarmMs === undefined ? null : window.firstAlarmMs - window.startMs,
    })),
  };
}

function ratesJson(rates: Rates): object {
  return {
    windows_hit: rates.windowsHit,
    false_alarms: rates.falseAlarms,
    false_alarms_per_1000: rates.falseAlarmsPer1000,
    precision: rates.precision ?? null,
    recall: rates.recall ?? null,
    detection_delay_ms_mean: rates.delayMeanMs ?? null,
    detection_delay_ms_max: rates.delayMaxMs ?? null,
  };
}
