// A separate Kafka and Redis for the benchmarks, on ports of their own.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const env = {
  ...process.env,
  SERVICES_DIR: process.env.BENCH_SERVICES_DIR ?? `${root}.cache/bench-services`,
  KAFKA_PORT: process.env.BENCH_KAFKA_PORT ?? '29292',
  REDIS_PORT: process.env.BENCH_REDIS_PORT ?? '26379',
};

/** Starts what does not answer yet; returns where both listen. */
export function startServices() {
  execFileSync(`${root}scripts/services.sh`, ['start'], { env, stdio: ['ignore', 2, 2] });
  return {
    brokers: `127.0.0.1:${env.KAFKA_PORT}`,
    redisUrl: `redis://127.0.0.1:${env.REDIS_PORT}`,
  };
}

export function stopServices() {
  execFileSync(`${root}scripts/services.sh`, ['stop'], { env, stdio: ['ignore', 2, 2] });
}
