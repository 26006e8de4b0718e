// Compares alarms with labels: which windows were hit, how soon, and how many alarms were false; at
// every sensitivity at once. A window counts once, however many alarms it has; an alarm outside all
// windows is false.
import type { LabelWindow } from './label-window.ts';
import { configuredSensitivity, sensitivities } from './sensitivities.ts';

export interface WindowVerdict extends LabelWindow {
  readonly readings: number;
  readonly alarms: number;
  /** Event time of the window's earliest alarm; undefined if it was missed. */
  readonly firstAlarmMs: number | undefined;
}

/** The alarms of one sensitivity. */
export interface Rates {
  readonly windowsHit: number;
  readonly alarms: number;
  readonly falseAlarms: number;
  /** Per 1,000 readings of all, inside and outside windows. */
  readonly falseAlarmsPer1000: number;
  /** Share of the alarms that lie in a window; undefined without alarms. */
  readonly precision: number | undefined;
  /** Share of the windows with readings that were hit; undefined without any. */
  readonly recall: number | undefined;
  /** Mean and maximum time from a window's start to its first alarm, over the windows hit. */
  readonly delayMeanMs: number | undefined;
  readonly delayMaxMs: number | undefined;
}

export interface CurvePoint extends Rates {
  readonly sensitivity: number;
}

/** Rates at the configured line, and at every other sensitivity. */
export interface Verdict extends Rates {
  readonly windows: readonly WindowVerdict[];
  readonly readingsOutside: number;
  readonly curve: readonly CurvePoint[];
}

export interface JudgedReading {
  readonly sensorId: string;
  /** Index of the sensor, from 0. */
  readonly sensor: number;
  readonly timestampMs: number;
  /** Bits of the sensitivities at which it raises an alarm. */
  readonly alarms: number;
}

const lines = sensitivities.length;

export class Judge {
  private readonly windows: readonly LabelWindow[];
  private readonly windowReadings: Float64Array;
  /** By window and sensitivity. */
  private readonly windowAlarms: Float64Array;
  private readonly firstAlarmsMs: Float64Array;
  private readonly alarms: Float64Array = new Float64Array(lines);
  private readonly falseAlarms: Float64Array = new Float64Array(lines);
  private path: string | undefined;
  /** Places of the windows about each sensor in the current file, by start. */
  private places: (readonly number[] | undefined)[] = [];
  private readings = 0;
  private readingsOutside = 0;

  /** `windows` are sorted by start and may overlap. */
  constructor(windows: readonly LabelWindow[]) {
    this.windows = windows;
    this.windowReadings = new Float64Array(windows.length);
    this.windowAlarms = new Float64Array(windows.length * lines);
    this.firstAlarmsMs = new Float64Array(windows.length * lines).fill(Infinity);
  }

  /** Makes what follows the readings of the file at `path`. */
  beginFile(path: string): void {
    this.path = path;
    this.places = [];
  }

  /** Adds one reading, in any order of time; returns the places of the windows that it lies in. */
  add(reading: JudgedReading): readonly number[] {
    const { alarms, timestampMs } = reading;
    this.readings += 1;
    const within: number[] = [];
    for (const place of this.placesOf(reading)) {
      const window = this.windows[place];
      if (window === undefined || window.startMs > timestampMs) break;
      if (timestampMs > window.endMs) continue;
      within.push(place);
      this.windowReadings[place] = (this.windowReadings[place] ?? 0) + 1;
    }
    if (within.length === 0) this.readingsOutside += 1;
    for (let line = 0; alarms >>> line > 0; line += 1) {
      if (((alarms >>> line) & 1) === 1) this.addAlarm(line, within, timestampMs);
    }
    return within;
  }

  verdict(): Verdict {
    const { windows, readingsOutside } = this;
    const judged = windows.map((window, place) => {
      const at = place * lines + configuredSensitivity;
      const alarms = this.windowAlarms[at] ?? 0;
      const firstAlarmMs = alarms > 0 ? this.firstAlarmsMs[at] : undefined;
      return { ...window, readings: this.windowReadings[place] ?? 0, alarms, firstAlarmMs };
    });
    const curve = sensitivities.map((sensitivity, line) => ({ sensitivity, ...this.rates(line) }));
    return { ...this.rates(configuredSensitivity), windows: judged, readingsOutside, curve };
  }

  private placesOf({ sensor, sensorId }: JudgedReading): readonly number[] {
    const known = this.places[sensor];
    if (known !== undefined) return known;
    const places = [...this.windows.entries()]
      .filter(([, window]) => window.path === undefined || window.path === this.path)
      .filter(([, window]) => window.sensorId === undefined || window.sensorId === sensorId)
      .map(([place]) => place);
    this.places[sensor] = places;
    return places;
  }

  private addAlarm(line: number, within: readonly number[], timestampMs: number): void {
    this.alarms[line] = (this.alarms[line] ?? 0) + 1;
    if (within.length === 0) this.falseAlarms[line] = (this.falseAlarms[line] ?? 0) + 1;
    for (const place of within) {
      const at = place * lines + line;
      this.windowAlarms[at] = (this.windowAlarms[at] ?? 0) + 1;
      this.firstAlarmsMs[at] = Math.min(this.firstAlarmsMs[at] ?? Infinity, timestampMs);
    }
  }

  private rates(line: number): Rates {
    const delaysMs = this.windows.flatMap(({ startMs }, place) => {
      const firstMs = this.firstAlarmsMs[place * lines + line] ?? Infinity;
      return firstMs === Infinity ? [] : [firstMs - startMs];
    });
    const measured = this.windowReadings.filter((readings) => readings > 0).length;
    const [alarms, falseAlarms] = [this.alarms[line] ?? 0, this.falseAlarms[line] ?? 0];
    const sumMs = delaysMs.reduce((sum, delayMs) => sum + delayMs, 0);
    const isHit = delaysMs.length > 0;
    return {
      windowsHit: delaysMs.length,
      alarms,
      falseAlarms,
      falseAlarmsPer1000: this.readings === 0 ? 0 : (falseAlarms * 1000) / this.readings,
      precision: alarms === 0 ? undefined : (alarms - falseAlarms) / alarms,
      recall: measured === 0 ? undefined : delaysMs.length / measured,
      delayMeanMs: isHit ? sumMs / delaysMs.length : undefined,
      delayMaxMs: isHit ? delaysMs.reduce((most, delayMs) => Math.max(most, delayMs)) : undefined,
    };
  }
}
