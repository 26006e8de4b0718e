// Chooses the stores. Each adapter is loaded on demand, so the embedded default starts without the
// Redis client.
import type { FeastNames } from '../codecs/feast.ts';
import type { Config, ProcessConfig } from '../config/config.ts';
import type { EventLog } from '../log/event-log.ts';
import { featureTopics, topicNames } from '../log/topics.ts';
import type { Logger } from '../logger.ts';
import { selectFeatures } from '../sensors/features.ts';
import type { FeatureStore } from './feature-store.ts';
import type { Pipeline } from './redis/owner-marker.ts';
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
  const { dataDir, onlineCacheBytes, onlineCacheRows, redis } = config.process;
  if (redis === undefined) {
    const { openEmbeddedFeatureStore } = await import('./embedded/embedded-feature-store.ts');
    return openEmbeddedFeatureStore({ dataDir, access: access === 'read' ? 'read' : 'write' });
  }
  const { openRedisFeatureStore } = await import('./redis/redis-feature-store.ts');
  const features = selectFeatures(config.semantics.features);
  const views = featureTopics(config).map(({ view }) => view);
  const cached = { rowsMax: access === 'serve' ? onlineCacheRows : 0, bytesMax: onlineCacheBytes };
  const writer = access === 'write' ? writerOf(config) : undefined;
  const names = feastNamesOf(config);
  return openRedisFeatureStore({ ...redis, names, features, views, cached, writer, logger });
}

/**
 * Claims the online store of `config` as ONLINE_OTHER_WRITER says. A store in DATA_DIR has one
 * owner anyway.
 * @throws ConfigError where another pipeline writes to it; UnavailableError where it cannot be
 * reached.
 */
export async function claimFeatureStore(config: Config, logger: Logger): Promise<void> {
  const { redis, onlineOtherWriter: whenOther } = config.process;
  if (redis === undefined || whenOther === 'share') return;
  const { claimRedis } = await import('./redis/store-owner.ts');
  const names = feastNamesOf(config);
  await claimRedis(redis, { names, pipeline: pipelineOf(config), whenOther }, logger);
}

/** Returns the pipeline whose marker a writer of the store needs; undefined if it needs none. */
function writerOf(config: Config): Pipeline | undefined {
  return config.process.onlineOtherWriter === 'share' ? undefined : pipelineOf(config);
}

function pipelineOf({ process: { groupId, outputTopic } }: Config): Pipeline {
  return { groupId, outputTopic };
}

/** Returns Feast's names as the settings have them. */
export function feastNamesOf({ process: { feastJoinKey, feastProject } }: Config): FeastNames {
  return { joinKey: feastJoinKey, project: feastProject };
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
