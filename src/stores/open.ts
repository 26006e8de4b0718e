// Chooses the stores. Each adapter is loaded on demand, so the embedded default starts without the
// Redis client.
import type { Config, ProcessConfig } from '../config/config.ts';
import type { EventLog } from '../log/event-log.ts';
import { featureTopics, topicNames } from '../log/topics.ts';
import type { Logger } from '../logger.ts';
import { selectFeatures } from '../sensors/features.ts';
import type { FeatureStore } from './feature-store.ts';
import type { SnapshotStore } from './snapshot-store.ts';

/**
 * Returns the online feature store of `config`; it need not be reachable yet. Access `read` opens
 * the embedded store beside a process that holds it; `serve` caches rows from Redis until they
 * change.
 * @throws ConfigError
 */
export async function openFeatureStore(
  config: Config,
  logger: Logger,
  access: 'write' | 'read' | 'serve' = 'write',
): Promise<FeatureStore> {
  const { dataDir, onlineCacheRows, redis } = config.process;
  if (redis === undefined) {
    const { openEmbeddedFeatureStore } = await import('./embedded/embedded-feature-store.ts');
    return openEmbeddedFeatureStore({ dataDir, access: access === 'read' ? 'read' : 'write' });
  }
  const { openRedisFeatureStore } = await import('./redis/redis-feature-store.ts');
  const features = selectFeatures(config.semantics.features);
  const views = featureTopics(config).map(({ view }) => view);
  const cachedRowsMax = access === 'serve' ? onlineCacheRows : 0;
  return openRedisFeatureStore({ ...redis, features, views, cachedRowsMax, logger });
}

/** Returns the snapshot store of `config`; `log` stores the snapshots with SNAPSHOT_STORE=kafka. */
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
