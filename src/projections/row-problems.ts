// What is odd about the rows of the feature topic, counted always and named in the log a bounded number of times: rows
// that cannot be read, and sensors with two owners.
import type { FeatureRow } from '../codecs/feature-row.ts';
import type { TopicPartition } from '../log/event-log.ts';
import { placeKey } from '../log/place-key.ts';
import type { Logger } from '../logger.ts';
import type { Metrics } from '../metrics.ts';
import type { RowObserver } from './newest-rows.ts';
import { createTwoOwners } from './two-owners.ts';

/** Bad rows, and two-owner sensors, that are named in the log; further ones are only counted. */
const namedMax = 1_000;

export interface RowProblems {
  /** Returns the observer of one partition's rows. A row that is read again is not reported again. */
  ofPartition(partition: TopicPartition): RowObserver;
}

/** Returns the observers of one projector. */
export function createRowProblems(metrics: Metrics, logger: Logger): RowProblems {
  const badSeen = new Map<string, number>();
  const twoOwners = createTwoOwners();
  const named = new Set<string>();
  let badNamed = 0;
  const row = (observed: FeatureRow): void => {
    if (!twoOwners.observe(observed)) return;
    const { sensor_id: sensor, lineage } = observed;
    if (named.has(sensor)) return;
    metrics.twoOwnerSensors.inc();
    if (named.size >= namedMax) return;
    named.add(sensor);
    logger.warn(
      { sensor, topic: lineage.topic, partition: lineage.partition },
      'this sensor has feature rows from two shards, each from a part of its readings; ' +
        'the cure is INPUT_KEYING=rekey with a new GROUP_ID and OUTPUT_TOPIC',
    );
  };
  return {
    ofPartition: ({ topic, partition }) => ({
      row,
      badRow(offset, error) {
        const key = placeKey({ topic, partition });
        if (offset <= (badSeen.get(key) ?? -1)) return;
        badSeen.set(key, offset);
        metrics.projectedRows.inc({ result: 'bad' });
        if (badNamed >= namedMax) return;
        badNamed += 1;
        logger.error(
          { topic, partition, offset, error: error.message },
          'a record of the feature topic is no feature row: skipped',
        );
      },
    }),
  };
}
