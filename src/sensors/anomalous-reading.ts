// A reading that was flagged, as it is handed out with why: one reused view, filled only for such
// readings. Next on the line: the outbox makes a record of it.
import { alarmFlag, noJudgement, type Baseline, type Judgement } from './baseline.ts';
import type { ClosedWindows } from './closed-window.ts';
import type { ReadingColumns } from './reading.ts';
import type { AlarmChannel } from './robust-slot.ts';

/** An anomaly or an alarm; a reused view, valid only during the call that hands it out. */
export interface AnomalousReading {
  /** The sensor id's UTF-8 bytes are the range [idStart, idEnd) of idBytes. */
  readonly idBytes: Uint8Array;
  readonly idStart: number;
  readonly idEnd: number;
  readonly timestampMs: number;
  readonly value: number;
  /** In the input partition. */
  readonly offset: number;
  /** An alarm may be raised at a reading whose own z is below the threshold. */
  readonly alarm: boolean;
  /** The alarm score; finite, and 0 where the method has none. */
  readonly score: number;
  /** The rule that gave the score; undefined where the method has one rule only. */
  readonly channel?: AlarmChannel | undefined;
  /** z and the baseline before the reading. */
  readonly judgement: Judgement;
}

/** Receives the outputs of the fold: closed windows and flagged readings. */
export interface FoldOutputs extends ClosedWindows {
  /** Called before the windows that the reading closes; left out where nobody asks. */
  anomalyFound?(anomaly: AnomalousReading): void;
}

export class AnomalousReadingView implements AnomalousReading {
  idBytes: Uint8Array = new Uint8Array(0);
  idStart: number = 0;
  idEnd: number = 0;
  timestampMs: number = 0;
  value: number = 0;
  offset: number = 0;
  alarm: boolean = false;
  score: number = 0;
  channel: AlarmChannel | undefined = undefined;
  judgement: Judgement = noJudgement;

  /** Takes over the reading of `row` as its baseline just judged it, and returns itself. */
  fill(
    readings: ReadingColumns,
    row: number,
    flags: number,
    baseline: Pick<Baseline, 'score' | 'channel' | 'judgement'>,
  ): this {
    this.idBytes = readings.idBytes;
    this.idStart = readings.idStarts[row] ?? 0;
    this.idEnd = readings.idEnds[row] ?? 0;
    this.timestampMs = readings.timestampsMs[row] ?? 0;
    this.value = (readings.values[row] ?? 0) + 0;
    this.offset = readings.offsets[row] ?? 0;
    this.alarm = (flags & alarmFlag) !== 0;
    this.score = baseline.score;
    this.channel = baseline.channel;
    this.judgement = baseline.judgement;
    return this;
  }
}
