// The journal's entries as they lie in the log, and the first one of each shard, which must change nothing.
import { describe, expect, it } from 'vitest';

import { recoverySemantics } from '../../property-tests/simulation/recovery-world.ts';
import { journalRecord, openingEntry } from '../../src/actors/journal.ts';
import { createOutbox } from '../../src/actors/outbox.ts';
import { applyJournalEntry } from '../../src/actors/journaled-fold.ts';
import {
  emptyMemory,
  encodeShardSnapshot,
  type ShardMemory,
} from '../../src/actors/shard-memory.ts';

const place = { topic: 'journal', partition: 0 };
const record = { topic: '', key: null, value: null };

describe('the first entry of a journal', () => {
  it('is written as an entry that every version accepts', () => {
    const { value } = journalRecord(openingEntry(7), 'group/readings/0', place);

    expect(Buffer.from(value ?? []).toString()).toBe(
      '{"version":1,"sequence":1,"offset":7,"kind":"reset","sensor_id":""}',
    );
  });

  it.each([0, 3])('changes nothing of a memory with %i sensors', (sensors) => {
    const outbox = createOutbox({ featureRow: () => record, anomaly: () => record });
    const memory = emptyMemory('source', recoverySemantics, 0);
    for (let sensor = 0; sensor < sensors; sensor += 1) {
      const idBytes = Buffer.from(`sensor_${sensor}`);
      const id = { idBytes, idStart: 0, idEnd: idBytes.length };
      memory.state.fold({ ...id, timestampMs: 1_000, value: sensor }, 1_000, sensor, outbox);
    }
    const before = bytesOf(memory);

    applyJournalEntry(memory, openingEntry(0), outbox);

    expect(memory.journalSequence).toBe(1);
    expect(bytesOf({ ...memory, journalSequence: 0 })).toEqual(before);
    expect([outbox.featureRows, outbox.otherRecords]).toEqual([0, 0]);
  });
});

const bytesOf = (memory: ShardMemory): Uint8Array =>
  encodeShardSnapshot(memory, { topic: 'readings', partition: 0 }, 0);
