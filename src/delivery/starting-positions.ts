// Where the first delivery to a target begins: at the end of the topic as it is then. Alarms of the
// past would ring at once; those still open reach Alertmanager by being sent again.
import { backoffMs } from '../backoff.ts';
import type { Clock } from '../clock.ts';
import { isSensoriumError } from '../errors.ts';
import type { EventLog } from '../log/event-log.ts';

export interface StartingPositions {
  readonly log: Pick<
    EventLog,
    'commitOffsets' | 'describeTopic' | 'observedPositions' | 'offsetsAll'
  >;
  readonly groupId: string;
  readonly topic: string;
  readonly clock: Pick<Clock, 'sleep'>;
}

const attemptsMax = 5;

/**
 * Commits the ends of the topic for a group that has no position. Call it before the pipeline
 * starts, so that the first alarm is behind them. A group with members has positions already.
 */
export async function commitStartingPositions(options: StartingPositions): Promise<void> {
  const { clock } = options;
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await commitOnce(options);
    } catch (error) {
      const again =
        isSensoriumError(error) && (error.directive === 'retry' || error.directive === 'release');
      if (!again || attempt + 1 === attemptsMax) throw error;
      await clock.sleep(backoffMs(attempt));
    }
  }
}

async function commitOnce({ log, groupId, topic }: StartingPositions): Promise<void> {
  const description = await log.describeTopic(topic);
  const partitions = Array.from({ length: description?.partitions ?? 0 }, (_, partition) => ({
    ...{ topic, partition },
  }));
  const observed = await log.observedPositions(groupId, partitions);
  // With one position the group has begun: a partition without one was added later, and is new.
  if (observed.some(({ committed }) => committed !== undefined)) return;
  const extents = await log.offsetsAll(partitions);
  const ends = partitions.map((place, index) => ({
    ...{ ...place, nextOffset: extents[index]?.end ?? 0, metadata: '' },
  }));
  await log.commitOffsets(groupId, ends);
}
