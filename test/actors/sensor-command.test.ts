import { expect, it } from 'vitest';

import { defaultSemantics } from '../../property-tests/arbitraries/settings.ts';
import { slotOf, foldOutput } from '../../property-tests/models/run-fold.ts';
import type { JournalEntry } from '../../src/actors/journal.ts';
import { applyJournalEntry } from '../../src/actors/journaled-fold.ts';
import type { SensorCommand } from '../../src/actors/protocol.ts';
import { decisionOf } from '../../src/actors/sensor-command.ts';
import { emptyMemory } from '../../src/actors/shard-memory.ts';

const by = { sensorId: 'a', message: 'at work' };

/** A sensor of a shard with alarms, and one that has an alarm of silence. */
function memoryOf(alarmResolveAfterMs: number): ReturnType<typeof emptyMemory> {
  const semantics = { ...defaultSemantics, alarmResolveAfterMs, silentAfterMs: 1_000 };
  const memory = emptyMemory('source', semantics, 0);
  const reading = { offset: 0, recordTimestampMs: 0, sensorId: 'a', timestampMs: 0, value: 1 };
  memory.state.fold(slotOf(reading), 0, 0, foldOutput());
  memory.state.advanceWatermark(9_000, foldOutput());
  return memory;
}

it.each<SensorCommand>([
  { name: 'acknowledge', ...by },
  { name: 'mute', untilMs: 99_000, ...by },
  { name: 'tune', sensitivity: 0.5, direction: undefined, ...by },
  { name: 'tune', sensitivity: undefined, direction: 'low', ...by },
])('a command on alarms is journaled once, and holds once its entry is applied: %j', (command) => {
  const memory = memoryOf(60_000);
  const ask = (): ReturnType<typeof decisionOf> => {
    const sensor = memory.state.inspect('a');
    if (sensor === undefined) throw new Error('the sensor is known');
    return decisionOf(command, sensor, 50_000);
  };
  const decision = ask();
  if (decision === undefined) throw new Error('there is something to change');
  const text = JSON.stringify({ version: 1, sequence: 1, offset: 1, ...decision });
  const entry = JSON.parse(text) as JournalEntry;

  applyJournalEntry(memory, entry, foldOutput());

  expect(entry).toMatchObject({ kind: command.name, sensor_id: 'a', decided_ms: 50_000 });
  expect(ask()).toBeUndefined();
});

it('without alarms nothing is journaled', () => {
  const sensor = memoryOf(Infinity).state.inspect('a');
  if (sensor === undefined) throw new Error('the sensor is known');

  expect(decisionOf({ name: 'mute', untilMs: 9, ...by }, sensor, 0)).toBeUndefined();
});
