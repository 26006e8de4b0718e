// Problems in the feature topic: unreadable rows and sensors with two owners. All are counted; a
// bounded number is named in the log.
import type { FeatureRow } from '../codecs/feature-row.ts';
import type { TopicPartition } from '../records/record.ts';
import { partitionKey } from '../records/partition-key.ts';
import type { Logger } from '../logger.ts';
import type { Metrics } from '../metrics/pipeline-metrics.ts';
import type { RowObserver } from './newest-rows.ts';
import { createTwoOwners } from './two-owners.ts';

/** Most bad rows, and most two-owner sensors, named in the log. */
const namedMax = 1_000;

export interface RowProblems {
  /** Returns the observer of one partition's rows. A row read twice is reported once. */
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
        const key = partitionKey({ topic, partition });
        if (offset <= (badSeen.get(key) ?? -1)) return;
        badSeen.set(key, offset);
        metrics.projectedRows.inc({ result: 'bad' });
        if (badNamed >= namedMax) return;
        badNamed += 1;
        logger.error(
          { topic, partition, offset, error: error.message },
          'skipped a record of the feature topic that is not a feature row',
        );
      },
    }),
  };
}
