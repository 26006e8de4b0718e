// The choice of the stores. Each adapter is loaded only when chosen, so that the embedded default starts without the
// Redis client.
import type { ProcessConfig } from '../config.ts';
import type { EventLog } from '../log/event-log.ts';
import { topicNames } from '../log/topics.ts';
import type { Logger } from '../logger.ts';
import type { FeatureStore } from './feature-store.ts';
import type { SnapshotStore } from './snapshot-store.ts';

export interface OpenFeatureStoreOptions {
  /** The features that are stored, with their types. */
  readonly features: readonly { readonly name: string; readonly type: 'Float64' | 'Int64' }[];
  readonly logger: Logger;
  /** `read`: the embedded store is opened beside a process that holds it. Default `write`. */
  readonly access?: 'write' | 'read';
}

/** Returns the online feature store that `config` names; it need not be up yet. @throws ConfigError */
export async function openFeatureStore(
  config: ProcessConfig,
  { features, logger, access = 'write' }: OpenFeatureStoreOptions,
): Promise<FeatureStore> {
  if (config.redis === undefined) {
    const { openEmbeddedFeatureStore } = await import('./embedded/embedded-feature-store.ts');
    return openEmbeddedFeatureStore({ dataDir: config.dataDir, access });
  }
  const { openRedisFeatureStore } = await import('./redis/redis-feature-store.ts');
  return openRedisFeatureStore({ ...config.redis, features, logger });
}

/** Returns the snapshot store that `config` names; `log` holds it where that is the log itself. */
export async function openSnapshotStore(
  config: ProcessConfig,
  log: EventLog,
): Promise<SnapshotStore> {
  if (config.snapshotStore === 'file') {
    const { openFileSnapshotStore } = await import('./file/file-snapshot-store.ts');
    return openFileSnapshotStore({ folder: config.snapshotDir });
  }
  const { openTopicSnapshotStore } = await import('./topic/topic-snapshot-store.ts');
  return openTopicSnapshotStore({ log, topic: topicNames(config).snapshots });
}
