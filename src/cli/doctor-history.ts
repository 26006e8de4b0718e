// Checks of the history in HISTORY_DIR: whether its topics still hold what it has not read yet.
import { join } from 'node:path';

import type { Config } from '../config/config.ts';
import { isSensoriumError } from '../errors.ts';
import type { EventLog, PartitionExtent } from '../log/event-log.ts';
import { featureTopics, type FeatureTopic } from '../log/topics.ts';
import { readHistoryFacts, type HistoryFacts } from '../stores/open-history.ts';
import { fail, ok, warn, type Check } from './doctor-check.ts';

/** Returns the checks of each view's history; none without HISTORY_DIR. */
export async function historyChecks(log: EventLog, config: Config): Promise<readonly Check[]> {
  const { historyDir } = config.process;
  if (historyDir === undefined) return [];
  const checks: Check[] = [];
  for (const topic of featureTopics(config))
    checks.push(await historyCheck(log, topic, historyDir));
  return checks;
}

async function historyCheck(
  log: EventLog,
  { topic, view }: FeatureTopic,
  historyDir: string,
): Promise<Check> {
  const name = `history ${view}`;
  const folder = join(historyDir, view);
  try {
    const facts = await readHistoryFacts(folder);
    const description = await log.describeTopic(topic);
    if (facts === undefined || description === undefined) return ok(name, `${folder}, still empty`);
    const partitions = Array.from({ length: description.partitions }, (_, partition) => ({
      topic,
      partition,
    }));
    const topicId = (await log.topicIds([topic])).get(topic);
    const extents = await log.offsetsAll(partitions);
    return judgedHistory(name, facts, { extents, topicId });
  } catch (error) {
    if (!isSensoriumError(error)) throw error;
    return fail(name, error.message, 'name another HISTORY_DIR, or mend this one');
  }
}

export interface TopicNow {
  readonly extents: readonly PartitionExtent[];
  /** Undefined where the log has no ids. */
  readonly topicId: string | undefined;
}

/** Returns what the history's positions say beside what the topic's partitions hold. */
export function judgedHistory(
  name: string,
  { positions, gaps, topicId }: HistoryFacts,
  now: TopicNow,
): Check {
  const { extents } = now;
  const otherFolder = 'the topic was made again: use another HISTORY_DIR';
  if (topicId !== undefined && now.topicId !== undefined && topicId !== now.topicId) {
    return fail(name, `read from topic id ${topicId}, which is ${now.topicId} now`, otherFolder);
  }
  const longer = 'give the topic a longer retention.ms, and keep the history running';
  for (const [partition, { earliest, end }] of extents.entries()) {
    const position = positions[partition] ?? earliest;
    if (position < earliest) {
      const lost = `partition ${partition} begins at offset ${earliest}`;
      return fail(name, `${lost}, and the history has read up to ${position}`, longer);
    }
    if (position > end) {
      const found = `partition ${partition} ends at offset ${end}, before the ${position} read`;
      return fail(name, found, otherFolder);
    }
  }
  const lost = gaps.reduce((sum, { from, to }) => sum + to - from, 0);
  if (lost > 0) return warn(name, `${lost} records were lost before it read them`, longer);
  const behind = extents.reduce(
    (sum, { earliest, end }, partition) => sum + end - (positions[partition] ?? earliest),
    0,
  );
  return ok(name, `${behind} records behind its topic`);
}
