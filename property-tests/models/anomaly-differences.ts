// Anomalies as they were written, held against those a model expects.
import type { ExpectedAnomaly } from './anomaly-oracle.ts';
import type { LoggedRecord } from './pipeline-oracle.ts';

/** By what an anomaly record says of itself: where its reading was read. */
const placeOf = (topic: string, partition: number | string, offset: number | string): string =>
  `${topic}/${partition}/${offset}`;

/**
 * Returns every way in which the records differ from the anomalies expected: missing, twice,
 * unexpected, under another key, or with another number than the model's, relative to the larger of
 * 1 and itself. Empty = equal.
 */
export function anomalyDifferences(
  expected: readonly (ExpectedAnomaly & { readonly topic: string })[],
  records: readonly LoggedRecord[],
  tolerance: number,
): string[] {
  const wanted = new Map(
    expected.map((anomaly) => [
      placeOf(anomaly.topic, anomaly.partition, anomaly.offset),
      contentOf(anomaly),
    ]),
  );
  const differences: string[] = [];
  const seen = new Set<string>();
  for (const { key, value, headers } of records) {
    const [topic = '', partition = '', offset = ''] = ['topic', 'partition', 'offset'].map((name) =>
      headers.get(`lineage.${name}`),
    );
    const place = placeOf(topic, partition, offset);
    if (seen.has(place)) differences.push(`anomaly twice: ${place}`);
    seen.add(place);
    const want = wanted.get(place);
    const got = JSON.parse(value ?? '') as { sensor_id: string };
    if (key !== got.sensor_id) differences.push(`key of anomaly ${place}: ${key ?? 'none'}`);
    if (want === undefined) differences.push(`unexpected anomaly: ${place}`);
    else differences.push(...valueDifferences(`anomaly ${place}`, want, got, tolerance));
  }
  for (const place of wanted.keys()) {
    if (!seen.has(place)) differences.push(`missing anomaly: ${place}`);
  }
  return differences;
}

/** The fields of the contract, in its order. */
function contentOf(anomaly: ExpectedAnomaly): object {
  const { sensor_id, timestamp, value, z, score, alarm, channel = 'none', baseline } = anomaly;
  const by = channel === 'none' ? {} : { channel };
  return { sensor_id, timestamp, value, z, score, alarm, ...by, baseline };
}

function valueDifferences(
  path: string,
  want: unknown,
  got: unknown,
  tolerance: number,
): readonly string[] {
  if (typeof want === 'object' && want !== null && typeof got === 'object' && got !== null) {
    const names = Object.keys(got).join();
    if (names !== Object.keys(want).join()) return [`fields of ${path}: ${names}`];
    return Object.entries(want).flatMap(([name, value]) =>
      valueDifferences(
        `${path}.${name}`,
        value,
        (got as Readonly<Record<string, unknown>>)[name],
        tolerance,
      ),
    );
  }
  const isNear =
    typeof want === 'number' &&
    typeof got === 'number' &&
    Math.abs(got - want) <= tolerance * Math.max(1, Math.abs(want));
  return isNear || want === got ? [] : [`${path}: expected ${String(want)}, got ${String(got)}`];
}
