// Configuration: one frozen, fully filled, read-only value. `parseConfig` reads the environment and reports every
// problem at once. Two groups: semantics (changes results, fingerprinted) and process (may differ between processes).
import type { Semantics } from './sensors/shard-state.ts';

export interface KafkaConfig {
  readonly brokers: readonly string[];
  readonly ssl: false | { readonly ca?: string; readonly cert?: string; readonly key?: string };
  readonly sasl:
    | undefined
    | {
        readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
        readonly username: string;
        readonly password: string;
      };
  readonly fetchDecoder: 'fast' | 'kafkajs';
  readonly sessionTimeoutMs: number;
  readonly heartbeatMs: number;
  readonly replicationFactor: number | undefined;
}

export interface RedisConfig {
  /** redis:// or rediss:// with AUTH in it; undefined with cluster nodes. */
  readonly url: string | undefined;
  readonly clusterNodes: readonly string[];
  /** Feast's key TTL, counted from the write; undefined = no expiry. */
  readonly onlineTtlS: number | undefined;
}

export interface ProcessConfig {
  /** undefined = embedded log in dataDir. */
  readonly kafka: KafkaConfig | undefined;
  /** undefined = embedded feature store in dataDir. */
  readonly redis: RedisConfig | undefined;
  readonly inputTopic: string;
  readonly outputTopic: string;
  readonly groupId: string;
  readonly workers: number;
  readonly idleTimeoutMs: number;
  readonly commitIntervalMs: number;
  readonly snapshotIntervalMs: number;
  readonly snapshotStore: 'file' | 'kafka';
  readonly snapshotDir: string;
  readonly openWindowsMax: number;
  readonly outputFormat: 'json' | 'avro';
  readonly dataDir: string;
  readonly httpHost: string;
  readonly httpPort: number;
  readonly httpToken: string | undefined;
  readonly advertisedUrl: string | undefined;
  readonly logLevel: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace';
  readonly startingOffsets: 'earliest' | 'latest';
}

export interface Config {
  readonly semantics: Semantics;
  readonly process: ProcessConfig;
}
