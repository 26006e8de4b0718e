// A change of a sensor's presence, as the fold hands it out: one reused view, valid only during the
// call. Next on the line: the outbox makes a record of it.
import type { ReadingColumns } from './reading.ts';
import type { IdTable } from './table.ts';

/** offline, until online; stuck, until moving. */
export const presenceKinds = ['offline', 'online', 'stuck', 'moving'] as const;
export type PresenceKind = (typeof presenceKinds)[number];

export interface PresenceChange {
  readonly kind: PresenceKind;
  /** The sensor id's UTF-8 bytes are the range [idStart, idEnd) of idBytes. */
  readonly idBytes: Uint8Array;
  readonly idStart: number;
  readonly idEnd: number;
  /** Event time of the reading, ms; of `offline`, when the silence reached its limit. */
  readonly timestampMs: number;
  /** Event time of the last reading before the silence, or of the first of the equal ones, ms. */
  readonly sinceMs: number;
  /** Of offline and online: after how much silence a sensor is offline, ms. */
  readonly silentAfterMs: number | undefined;
  /** Of stuck and moving: equal readings in a row. */
  readonly readings: number | undefined;
  /** Of the reading; `offline` has none. */
  readonly value: number | undefined;
  readonly offset: number | undefined;
}

export interface PresenceChanges {
  /** Left out where nobody asks. */
  presenceChanged?(change: PresenceChange): void;
}

export class PresenceChangeView implements PresenceChange {
  kind: PresenceKind = 'offline';
  idBytes: Uint8Array = new Uint8Array(0);
  idStart: number = 0;
  idEnd: number = 0;
  timestampMs: number = 0;
  sinceMs: number = 0;
  silentAfterMs: number | undefined = undefined;
  readings: number | undefined = undefined;
  offset: number | undefined = undefined;
  /** Of the reading, as its shard's event time counts it. */
  eventTimeMs: number = 0;
  value: number | undefined = undefined;

  /** Takes over the reading of `row`, and returns itself. */
  fill(readings: ReadingColumns, row: number, eventTimeMs: number): this {
    // hot path
    this.idBytes = readings.idBytes;
    this.idStart = readings.idStarts[row] as number;
    this.idEnd = readings.idEnds[row] as number;
    this.timestampMs = readings.timestampsMs[row] as number;
    this.value = (readings.values[row] as number) + 0;
    this.offset = readings.offsets[row];
    this.eventTimeMs = eventTimeMs;
    return this;
  }

  /** Takes over the id of a slot, without a reading, and returns itself. */
  ofSlot(table: IdTable, slot: number): this {
    this.idBytes = table.arena;
    this.idStart = table.idStart(slot);
    this.idEnd = table.idStart(slot + 1);
    return this;
  }

  offline(heardMs: number, silentAfterMs: number): PresenceChange {
    const { idBytes, idStart, idEnd } = this;
    const timestampMs = heardMs + silentAfterMs;
    const none = { readings: undefined, value: undefined, offset: undefined };
    const when = { timestampMs, sinceMs: heardMs, silentAfterMs };
    return { kind: 'offline', idBytes, idStart, idEnd, ...when, ...none };
  }

  online(heardMs: number, silentAfterMs: number): PresenceChange {
    return this.#of('online', heardMs, { silentAfterMs });
  }

  stuck(sinceMs: number, readings: number): PresenceChange {
    return this.#of('stuck', sinceMs, { readings });
  }

  moving(sinceMs: number, readings: number): PresenceChange {
    return this.#of('moving', sinceMs, { readings });
  }

  #of(
    kind: PresenceKind,
    sinceMs: number,
    by: { readonly silentAfterMs?: number; readonly readings?: number },
  ): PresenceChange {
    this.kind = kind;
    this.sinceMs = sinceMs;
    this.silentAfterMs = by.silentAfterMs;
    this.readings = by.readings;
    return this;
  }
}
