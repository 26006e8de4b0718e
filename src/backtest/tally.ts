// Counts of a backtest by sensor and by the rule that raised the alarms.
import type { Scored, ScoredChannel } from './scorer.ts';

export interface SeriesTally {
  readonly sensorId: string;
  readonly readings: number;
  readonly anomalies: number;
  readonly alarms: number;
  /** Alarms in labelled windows. */
  readonly trueAlarms: number;
  /** Alarms outside all windows, of readings that labels speak of. */
  readonly falseAlarms: number;
  /** Labelled windows in which the sensor has readings. */
  readonly windows: number;
  readonly windowsHit: number;
}

export interface ChannelTally {
  readonly channel: ScoredChannel;
  readonly alarms: number;
  readonly trueAlarms: number;
  readonly falseAlarms: number;
  /** Windows with an alarm of this rule; one window may have alarms of several. */
  readonly windowsHit: number;
}

interface Counts {
  readings: number;
  anomalies: number;
  alarms: number;
  trueAlarms: number;
  falseAlarms: number;
  readonly windows: Set<number>;
  readonly windowsHit: Set<number>;
}

export class Tally {
  private readonly sensors: Counts[] = [];
  private readonly channels: Map<ScoredChannel, Counts> = new Map();

  /** Adds a reading and the places of the windows around it; undefined: it is not labelled. */
  add(scored: Scored, within: readonly number[] | undefined): void {
    const counts = (this.sensors[scored.sensor] ??= noCounts());
    counts.readings += 1;
    counts.anomalies += scored.anomaly;
    for (const place of within ?? []) counts.windows.add(place);
    if (scored.alarm === 0) return;
    addAlarm(counts, within);
    let channel = this.channels.get(scored.channel);
    if (channel === undefined) this.channels.set(scored.channel, (channel = noCounts()));
    addAlarm(channel, within);
  }

  /** Returns the counts of each sensor, in order of appearance. */
  bySeries(sensorIds: readonly string[]): readonly SeriesTally[] {
    return sensorIds.map((sensorId, sensor) => {
      const { windows, windowsHit, ...counts } = this.sensors[sensor] ?? noCounts();
      return { sensorId, ...counts, windows: windows.size, windowsHit: windowsHit.size };
    });
  }

  /** Returns the counts of each rule that raised an alarm, most alarms first. */
  byChannel(): readonly ChannelTally[] {
    return [...this.channels]
      .map(([channel, { alarms, trueAlarms, falseAlarms, windowsHit }]) => ({
        ...{ channel, alarms, trueAlarms, falseAlarms },
        windowsHit: windowsHit.size,
      }))
      .toSorted((a, b) => b.alarms - a.alarms || (a.channel < b.channel ? -1 : 1));
  }
}

function addAlarm(counts: Counts, within: readonly number[] | undefined): void {
  counts.alarms += 1;
  if (within === undefined) return;
  if (within.length > 0) counts.trueAlarms += 1;
  else counts.falseAlarms += 1;
  for (const place of within) counts.windowsHit.add(place);
}

function noCounts(): Counts {
  const none = { readings: 0, anomalies: 0, alarms: 0, trueAlarms: 0, falseAlarms: 0 };
  return { ...none, windows: new Set(), windowsHit: new Set() };
}
