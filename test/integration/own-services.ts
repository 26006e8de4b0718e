// A Kafka and a Redis of one test's own, to be killed, frozen and emptied: the shared ones serve other tests.
import { spawn } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  statSync,
} from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';

import { freePort } from '../free-port.ts';

export type ServiceName = 'kafka' | 'redis';

export interface OwnServices {
  readonly brokers: string;
  readonly redisUrl: string;
  /** Starts what is not running; resolves once it answers. @throws with what the script printed */
  start(service?: ServiceName): Promise<void>;
  /** kill -9, or any other signal. */
  signal(service: ServiceName, signal: NodeJS.Signals): void;
  /** FLUSHALL. */
  emptyRedis(): Promise<void>;
  /** Transactions that ended in an abort, as the broker's files have them: each of ours commits a position. */
  abortedCommits(): number;
  stop(): Promise<void>;
}

export interface OwnKafka {
  /** Anybody may do anything here. */
  readonly brokers: string;
  /** Here one logs in, and has the rights that were given. */
  readonly saslBrokers: string;
  stop(): Promise<void>;
}

/** Starts a Kafka with logins and ACLs (scripts/services.sh says whose), its data under `folder`. */
export async function startSecuredKafka(
  folder: string,
  listeners: Readonly<Record<string, string>> = {},
): Promise<OwnKafka> {
  const kafkaPort = await freePort({ inARow: 2 });
  const saslPort = await freePort();
  const env = {
    ...process.env,
    SERVICES_DIR: folder,
    KAFKA_KIND: 'secured',
    KAFKA_PORT: String(kafkaPort),
    KAFKA_SASL_PORT: String(saslPort),
    ...listeners,
  };
  await runScript(['start', 'kafka'], env, folder);
  return {
    brokers: `127.0.0.1:${kafkaPort}`,
    saslBrokers: `127.0.0.1:${saslPort}`,
    stop: () => runScript(['stop', 'kafka'], env, folder),
  };
}

/** Starts a Kafka and a Redis on free ports, or those of `names`, their data under `folder`. */
export async function startOwnServices(
  folder: string,
  names: readonly ServiceName[] = [],
): Promise<OwnServices> {
  // The broker's controller listens on the port after the broker's.
  const kafkaPort = await freePort({ inARow: 2 });
  const redisPort = await freePort();
  const env = {
    ...process.env,
    SERVICES_DIR: folder,
    KAFKA_PORT: String(kafkaPort),
    REDIS_PORT: String(redisPort),
  };
  const script = (...args: string[]): Promise<void> => runScript(args, env, folder);
  await script('start', ...names);
  return {
    brokers: `127.0.0.1:${kafkaPort}`,
    redisUrl: `redis://127.0.0.1:${redisPort}/0`,
    start: (service) => script('start', ...(service === undefined ? [] : [service])),
    signal(service, signal) {
      const port = service === 'kafka' ? kafkaPort : redisPort;
      process.kill(Number(readFileSync(join(folder, `${service}-${port}.pid`), 'utf8')), signal);
    },
    emptyRedis: () => askRedis(redisPort, 'FLUSHALL'),
    abortedCommits: () => abortedIn(join(folder, `kafka-${kafkaPort}`, 'data')),
    stop: () => script('stop'),
  };
}

/** Runs scripts/services.sh. @throws with its output where it fails. */
export function runScript(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  folder: string,
): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const printed = join(folder, 'services.log');
  // To a file: what it starts would hold a pipe open.
  const output = openSync(printed, 'w');
  return new Promise((resolve, reject) => {
    const child = spawn('scripts/services.sh', args, { env, stdio: ['ignore', output, output] });
    closeSync(output);
    child.once('error', reject);
    child.once('exit', (code) => {
      if (code === 0) return resolve();
      const text = readFileSync(printed, 'utf8');
      reject(new Error(`scripts/services.sh ${args.join(' ')} exited with ${code}:\n${text}`));
    });
  });
}

function askRedis(port: number, command: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(`${command}\r\n`));
    socket.once('error', reject);
    socket.once('data', (answer) => {
      socket.destroy();
      if (answer.toString().startsWith('+OK')) resolve();
      else reject(new Error(`Redis answered ${command} with ${answer.toString()}`));
    });
  });
}

// A .txnindex file has one entry of 34 bytes for each aborted transaction that wrote to its segment.
const abortEntryBytes = 34;

/** Counts the aborted commits that a broker's data folder tells of. */
export function abortedIn(data: string): number {
  if (!existsSync(data)) return 0;
  const offsets = readdirSync(data).filter((name) => name.startsWith('__consumer_offsets-'));
  const bytes = offsets
    .flatMap((name) => readdirSync(join(data, name)).map((file) => join(data, name, file)))
    .filter((file) => file.endsWith('.txnindex'))
    .map((file) => statSync(file).size);
  return bytes.reduce((sum, size) => sum + size, 0) / abortEntryBytes;
}
