// A cut's outputs in parts: whatever the sizes, the parts hold every output once and in order, and each says how far the
// commit has come.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { commitParts, type CommitPart, type PartSize } from '../../src/actors/commit-parts.ts';
import { Outgoing } from '../../src/actors/outgoing.ts';
import { recordBytes } from '../../src/codecs/record-size.ts';
import type { OutputRecord } from '../../src/records/record.ts';
import type { ClosedWindow, ClosedWindowList } from '../../src/sensors/shard-state.ts';
import { holds, runs, titled } from '../seed.ts';

const record = (topic: string, index: number, bytes: number): OutputRecord => ({
  topic,
  key: Buffer.from(String(index)),
  value: Buffer.alloc(bytes),
});

interface Row {
  readonly bytes: number;
  readonly anomalies: number;
  readonly lengthIndex: number;
}

const cuts = fc
  .record({
    journal: fc.array(fc.nat(300), { maxLength: 3 }),
    others: fc.array(
      fc.record({ bytes: fc.nat(2_000), reason: fc.constantFrom('late', 'json', undefined) }),
    ),
    /** Whether a record is made of each flagged reading. */
    flagged: fc.array(fc.boolean()),
    rows: fc.array(
      fc.record({
        bytes: fc.integer({ min: 1, max: 900 }),
        anomalies: fc.nat(3),
        lengthIndex: fc.nat(1),
      }),
      { maxLength: 60 },
    ),
    readings: fc.nat(1_000),
  })
  .map((cut) => ({ ...cut, outgoing: outgoingOf(cut) }));

function outgoingOf(cut: {
  readonly journal: readonly number[];
  readonly others: readonly { readonly bytes: number; readonly reason: string | undefined }[];
  readonly flagged: readonly boolean[];
  readonly rows: readonly Row[];
  readonly readings: number;
}): Outgoing {
  const { journal, others, flagged, rows, readings } = cut;
  const anomalies = flagged.flatMap((told, index) =>
    told ? [{ record: record('anomalies', index, 200), event: undefined, ordinal: index + 1 }] : [],
  );
  const windows = {
    count: rows.length,
    at: (index: number) => {
      const { anomalies: anomalyCount = 0, lengthIndex } = rows[index] ?? {};
      return { anomalyCount, lengthIndex, index } as unknown as ClosedWindow;
    },
  } as unknown as ClosedWindowList;
  return new Outgoing({
    readings,
    sensorsForgotten: 2 * readings,
    journal: journal.map((bytes, index) => ({
      kind: 'idle',
      record: record('journal', index, bytes),
    })),
    others: others.map(({ bytes, reason }, index) => ({
      record: record(reason === undefined ? 'rekeyed' : 'dlq', index, bytes),
      reason,
    })),
    anomalies,
    flagged: flagged.length,
    windows: rows.length === 0 ? undefined : windows,
    windowEndsMs: new Set(),
    windowAnomalies: rows
      .filter(({ lengthIndex }) => lengthIndex === 0)
      .reduce((sum, row) => sum + row.anomalies, 0),
    featureRow: (window) => {
      const { index } = window as unknown as { index: number };
      return record('rows', index, rows[index]?.bytes ?? 0);
    },
  });
}

const nameOf = ({ topic, key }: OutputRecord): string => `${topic}/${String(key)}`;
const sizeOf = (bytes: number, rowBytes = 500): PartSize => ({
  bytes,
  rowBytes,
  rowsTook: () => undefined,
});
const sum = (parts: readonly CommitPart[], of: (part: CommitPart) => number): number =>
  parts.reduce((total, part) => total + of(part), 0);

describe('the parts of a commit', () => {
  it(titled('hold every output once, in order, and count it once'), async () => {
    let split = 0;
    await holds(
      fc.property(cuts, fc.integer({ min: 1, max: 20_000 }), (cut, bytes) => {
        const { outgoing } = cut;
        const parts = [...commitParts(outgoing, sizeOf(bytes))];

        const names = [...outgoing.records].map(nameOf);
        expect(parts.flatMap(({ records }) => [...records].map(nameOf))).toEqual(names);
        expect(names).toHaveLength(
          cut.journal.length +
            cut.others.length +
            cut.flagged.filter(Boolean).length +
            cut.rows.length,
        );
        expect(parts.map(({ isFirst }) => isFirst)).toEqual(parts.map((_, index) => index === 0));
        expect(parts.map(({ isLast }) => isLast)).toEqual(
          parts.map((_, index) => index === parts.length - 1),
        );
        expect(sum(parts, ({ counts }) => counts.featureRows)).toBe(cut.rows.length);
        expect(sum(parts, ({ counts }) => counts.readings)).toBe(cut.readings);
        expect(parts.at(-1)?.counts.readings).toBe(cut.readings);
        expect(sum(parts, ({ counts }) => counts.sensorsForgotten)).toBe(2 * cut.readings);
        expect(sum(parts, ({ counts }) => counts.anomalies)).toBe(
          outgoing.anomaliesIn(0, outgoing.rowCount),
        );
        expect(sum(parts, ({ counts }) => counts.anomalyRecords)).toBe(outgoing.anomalies.length);
        const letters = (part: CommitPart): number =>
          [...part.counts.deadLetters.values()].reduce((a, b) => a + b, 0);
        expect(sum(parts, (part) => part.counts.forwards + letters(part))).toBe(cut.others.length);
        split += parts.length > 1 ? 1 : 0;
      }),
      runs(300),
    );
    expect(split).toBeGreaterThan(0);
  });

  it(titled('have all journal entries in the first, and say what is out after each'), async () => {
    await holds(
      fc.property(cuts, fc.integer({ min: 1, max: 5_000 }), ({ outgoing, flagged }, bytes) => {
        const seen = { rows: 0, others: 0, anomalies: 0 };
        for (const { records, out, isFirst, isLast } of commitParts(outgoing, sizeOf(bytes))) {
          const names = [...records].map(({ topic }) => topic);
          expect(names.filter((topic) => topic === 'journal')).toHaveLength(
            isFirst ? outgoing.journal.length : 0,
          );
          seen.rows += names.filter((topic) => topic === 'rows').length;
          seen.others += names.filter((topic) => topic === 'dlq' || topic === 'rekeyed').length;
          seen.anomalies += names.filter((topic) => topic === 'anomalies').length;
          expect(out).toMatchObject({ rows: seen.rows, others: seen.others });
          // Of the first so many flagged readings, as many have a record as are out.
          expect(flagged.slice(0, out.anomalyEvents).filter(Boolean)).toHaveLength(seen.anomalies);
          if (isLast) expect(out.anomalyEvents).toBe(flagged.length);
        }
      }),
      runs(300),
    );
  });

  it(titled('hold no more than may be in one, unless it is a single output'), async () => {
    await holds(
      fc.property(cuts, fc.integer({ min: 1, max: 5_000 }), ({ outgoing }, bytes) => {
        const rowBytes = 1_000;
        for (const { records, counts, isLast } of commitParts(outgoing, sizeOf(bytes, rowBytes))) {
          const outputs = [...records].filter(({ topic }) => topic !== 'journal');
          const others = outputs.filter(({ topic }) => topic !== 'rows');
          const taken = others.reduce(
            (total, each) => total + recordBytes(each),
            counts.featureRows * rowBytes,
          );
          if (outputs.length > 1) expect(taken).toBeLessThanOrEqual(bytes);
          if (!isLast) expect(outputs.length).toBeGreaterThan(0);
        }
      }),
      runs(300),
    );
  });

  it('are one where all fits, also where there is nothing', () => {
    const empty = outgoingOf({ journal: [], others: [], flagged: [], rows: [], readings: 3 });

    expect(
      [...commitParts(empty, sizeOf(1))].map(({ isLast, counts }) => [isLast, counts.readings]),
    ).toEqual([[true, 3]]);
  });
});
