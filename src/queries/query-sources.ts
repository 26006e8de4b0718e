// The sources of a query, from the settings: the history's files, held while it runs, and the log.
// Everything is released at its end, and the time limit counts from its start.
import type { Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import { UnavailableError } from '../errors.ts';
import type { EventLog } from '../log/event-log.ts';
import { featureTopics, topicNames } from '../log/topics.ts';
import { readableAfterMs } from '../projections/readable.ts';
import { selectFeatures } from '../sensors/features.ts';
import type { QueryLimits, QuerySources } from './query.ts';
import type { StoredRows, ViewSource } from './views.ts';

/** The name of the view of flagged readings. */
const anomalyView = 'sensor_anomalies';
const badRecordsNamedMax = 10;

export interface HeldRows extends StoredRows {
  /** Gives the files up. */
  release(): Promise<void>;
}

export interface QuerySetting {
  readonly config: Config;
  readonly clock: Clock;
  /** Absent: only what is in files. */
  readonly log: EventLog | undefined;
  readonly threads: number;
  /** Ends the query. */
  readonly interrupt: AbortSignal;
  /** Holds the files of a view's history; absent without a history. */
  readonly hold: ((view: string) => Promise<HeldRows | undefined>) | undefined;
  onWarning(message: string): void;
}

/**
 * Runs `use` with the sources.
 * @throws UnavailableError when it took longer than QUERY_TIMEOUT_MS
 */
export async function withQuerySources<T>(
  setting: QuerySetting,
  use: (sources: QuerySources, limits: QueryLimits) => Promise<T>,
): Promise<T> {
  const { clock, config, interrupt, threads } = setting;
  const { queryMemoryMb: memoryMb, queryTimeoutMs } = config.process;
  const expired = new AbortController();
  const timer = clock.after(queryTimeoutMs, () => expired.abort());
  const signal = AbortSignal.any([interrupt, expired.signal]);
  const held: HeldRows[] = [];
  try {
    const sources = await sourcesOf(setting, { signal, held });
    return await use(sources, { threads, memoryMb, signal });
  } catch (error) {
    if (!expired.signal.aborted) throw error;
    throw new UnavailableError(
      `the query was stopped after ${queryTimeoutMs} ms (QUERY_TIMEOUT_MS)`,
      {},
      error,
    );
  } finally {
    timer.cancel();
    for (const rows of held) await rows.release();
  }
}

async function sourcesOf(
  { config, hold, log, onWarning }: QuerySetting,
  { signal, held }: { readonly signal: AbortSignal; readonly held: HeldRows[] },
): Promise<QuerySources> {
  const features = selectFeatures(config.semantics.features);
  const views: ViewSource[] = [];
  for (const topic of featureTopics(config)) {
    const stored = await hold?.(topic.view);
    if (stored !== undefined) held.push(stored);
    views.push({ ...topic, features, availableAfterMs: readableAfterMs(config), stored });
  }
  let badRecords = 0;
  const live =
    log &&
    ({
      ...{ log, signal },
      onBadRecord: ({ topic, partition }, offset, error): void => {
        badRecords += 1;
        if (badRecords > badRecordsNamedMax) return;
        onWarning(`left out ${topic}/${partition}@${offset}: ${error.message}`);
      },
      onGap: ({ topic, partition, from, to }): void =>
        onWarning(
          `${topic}/${partition} begins at offset ${to}, and the history ends at ${from}: ` +
            `${to - from} records are in neither`,
        ),
    } satisfies QuerySources['live']);
  const anomalies = { topic: topicNames(config.process).anomalies, view: anomalyView };
  return { views, anomalies, live };
}
