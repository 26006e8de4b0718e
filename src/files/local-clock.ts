// Times of day of a zone → moments. A file names its zone once, and is read once, so that an IANA
// zone may be meant: the rules of this machine's tables apply. (A topic's declaration takes offsets
// only: two hosts must read one log alike.)
//
//   clocks go forward: 02:30 does not exist          clocks go back: 02:30 exists twice
//   01:59 ──▶ 03:00                                  02:00 … 02:59 ─▶ 02:00 … 02:59 ─▶ 03:00
import { ConfigError } from '../errors.ts';
import { zoneMinutes } from '../sensors/input-declaration.ts';

export interface LocalClock {
  /**
   * Returns the moment, ms since epoch, of a local time given as if it were UTC, or why it is
   * none. In a repeated hour the first is meant until the sensor's time goes back or repeats.
   */
  utcOf(localMs: number, sensorId: string): number | string;
  /** Times read so far that exist twice, and the first of them. */
  readonly repeated: number;
  readonly firstRepeated: string;
}

/** Returns the clock of `zone`: UTC, an offset such as +02:00, or a name such as Europe/Berlin. */
export function createLocalClock(zone: string): LocalClock {
  const minutes = zone.toUpperCase() === 'UTC' ? 0 : zoneMinutes(zone);
  if (minutes !== undefined) {
    return { utcOf: (localMs) => localMs - minutes * 60_000, repeated: 0, firstRepeated: '' };
  }
  return new ZoneClock(zone);
}

const dayMs = 86_400_000;
/** Offsets change at a multiple of a quarter of an hour. */
const quarterMs = 900_000;
const quartersMax = 20_000;

class ZoneClock implements LocalClock {
  repeated: number = 0;
  firstRepeated: string = '';
  private readonly zone: string;
  private readonly format: Intl.DateTimeFormat;
  /** The moments of local quarters that were asked for, as offsets from UTC. */
  private readonly offsets = new Map<number, readonly number[]>();
  /** By sensor: where it is in the repeated hour that it is in. */
  private readonly places = new Map<string, { localMs: number; isSecond: boolean }>();

  constructor(zone: string) {
    this.zone = zone;
    try {
      this.format = new Intl.DateTimeFormat('en-US', {
        timeZone: zone,
        hourCycle: 'h23',
        ...{ year: 'numeric', month: 'numeric', day: 'numeric' },
        ...{ hour: 'numeric', minute: 'numeric', second: 'numeric' },
      });
    } catch (error) {
      throw new ConfigError(
        `expected a zone such as UTC, +02:00 or Europe/Berlin, got ${JSON.stringify(zone)}`,
        { zone },
        error,
      );
    }
  }

  utcOf(localMs: number, sensorId: string): number | string {
    const offsets = this.offsetsAt(localMs);
    const [first, second] = offsets;
    if (first === undefined) {
      return `is not a time: the clocks of ${this.zone} skip ${localText(localMs)}`;
    }
    if (second === undefined) {
      if (this.places.size > 0) this.places.delete(sensorId);
      return localMs - first;
    }
    if (this.repeated === 0) this.firstRepeated = localText(localMs);
    this.repeated += 1;
    const place = this.places.get(sensorId);
    const isSecond = place !== undefined && (place.isSecond || localMs <= place.localMs);
    this.places.set(sensorId, { localMs, isSecond });
    return localMs - (isSecond ? second : first);
  }

  /** The offsets, ms, that the zone has at a local time: none, one or two, the earlier first. */
  private offsetsAt(localMs: number): readonly number[] {
    const quarter = Math.floor(localMs / quarterMs);
    const known = this.offsets.get(quarter);
    if (known !== undefined) return known;
    const startMs = quarter * quarterMs;
    const near = new Set([this.offsetOf(startMs - dayMs), this.offsetOf(startMs + dayMs)]);
    const found = [...near].filter((offset) => this.offsetOf(startMs - offset) === offset);
    found.sort((a, b) => b - a); // a greater offset is the earlier moment
    if (this.offsets.size >= quartersMax) this.offsets.clear();
    this.offsets.set(quarter, found);
    return found;
  }

  private offsetOf(utcMs: number): number {
    const parts: Record<string, number> = {};
    for (const { type, value } of this.format.formatToParts(utcMs)) parts[type] = Number(value);
    const { year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0 } = parts;
    return Date.UTC(year, month - 1, day, hour, minute, second) - utcMs;
  }
}

function localText(localMs: number): string {
  return new Date(localMs).toISOString().slice(0, 19).replace('T', ' ');
}
