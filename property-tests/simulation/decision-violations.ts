// Laws of the decisions on sensors in the journal: none lost that was acknowledged, none made
// without cause.
import type { HistoryResult } from './history.ts';
import { placeOf } from './simulated-group.ts';
import { simulatedTopics } from './simulated-process.ts';
import { trapMin } from './trapped-baseline.ts';

interface Journaled {
  readonly kind: string;
  readonly offset: number;
  readonly sensor_id?: string;
  readonly cause?: string;
}

/** Returns every decision that is missing, unfounded or of no use; empty when all is well. */
export function decisionViolations({ broker, acknowledged }: HistoryResult): string[] {
  const journal = broker.recordsIn(simulatedTopics.journal).map((record) => ({
    place: text(record.key).replace(/^group\//, ''),
    entry: JSON.parse(text(record.value)) as Journaled,
  }));
  const lost = acknowledged
    .filter(({ changed }) => changed)
    .filter(
      ({ name, sensorId, topic, partition, offset }) =>
        !journal.some(
          ({ place, entry }) =>
            place === `${topic}/${partition}` &&
            entry.kind === name &&
            entry.sensor_id === sensorId &&
            entry.offset === offset,
        ),
    )
    .map(({ name, sensorId }) => `${name} ${sensorId} was acknowledged and is not in the journal`);
  const unfounded = journal
    .filter(({ entry }) => entry.kind === 'skip' || entry.cause === 'fold_failed')
    .filter(({ place, entry }) => {
      const { offset } = entry;
      const [record] = broker.recordsOf(placeOf(place), offset, offset + 1);
      if (record === undefined) return true;
      const value = text(record.value);
      const reading = JSON.parse(value) as { sensor_id: string; value: number };
      return reading.sensor_id !== entry.sensor_id || reading.value < trapMin;
    })
    .map(({ place, entry }) => `${entry.kind} at ${place}/${entry.offset} has no fold that threw`);
  return [...lost, ...unfounded];
}

function text(bytes: Uint8Array | null): string {
  return Buffer.from(bytes ?? []).toString();
}
