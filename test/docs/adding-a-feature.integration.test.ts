// docs/adding-a-feature.md, done: its files and edits in a copy of the sources, its commands, and the new feature read
// where a user would.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';

import { openFeastSdk } from '../feast/feast-sdk.ts';
import { openTestLog } from '../integration/peers.ts';
import { freePort } from '../free-port.ts';
import { eventually } from '../integration/program.ts';
import { createTestTopics, readTopic, type TestTopics } from '../integration/topics.ts';
import type { EventLog } from '../../src/log/event-log.ts';
import { workedCopy, type WorkedCopy } from './worked-copy.ts';

let copy: WorkedCopy;
const services = { TEST_SERVICES: 'none' };
const features = 'count,zero_count';

beforeAll(() => {
  copy = workedCopy('docs/adding-a-feature.md');
});
afterAll(() => {
  copy.remove();
});

it('the worked example generates, builds and passes the laws', { timeout: 600_000 }, async () => {
  await copy.run(['npm', 'run', '--silent', 'generate'], services);
  await copy.run([process.execPath, 'scripts/build.mjs']);
  await copy.run(['npx', 'vitest', 'run', 'property-tests/laws/opt-in-features.test.ts'], services);

  for (const path of ['docs/features.md', 'avro/sensor_features.avsc']) {
    expect(readFileSync(join(copy.folder, path), 'utf8')).toContain('zero_count');
  }
});

const brokers = inject('kafkaBrokers');
const redisUrl = inject('redisUrl');
const python = inject('feastPython');

describe.skipIf(brokers === '' || redisUrl === '' || python === '')('the program with it', () => {
  let log: EventLog;
  beforeAll(async () => {
    log = await openTestLog(brokers);
  });
  afterAll(() => log.close());

  it(
    'writes it to the topic and to Redis, where Feast finds it',
    { timeout: 300_000 },
    async () => {
      const topics = await createTestTopics(log, brokers, 1);
      const sensorId = `cut-off-${Date.now()}`;
      await log.append(
        [20, 0, 0, 21, 20].map((value, index) => ({
          topic: topics.input,
          key: Buffer.from(sensorId),
          value: Buffer.from(
            JSON.stringify({ sensor_id: sensorId, timestamp: 1_700_000_000_000 + index, value }),
          ),
        })),
      );

      const row = await firstRow(topics, { REDIS_URL: `${redisUrl}/13` });

      expect(row.features).toEqual({ count: 5, zero_count: 2 });
      const feast = await openFeastSdk(python, `${redisUrl}/13`, {
        from: join(copy.folder, 'feature_repo'),
        features,
      });
      try {
        await eventually(
          async () => {
            const [read] = await feast.read([sensorId]);
            expect(read?.values).toEqual({ count: 5n, zero_count: 2n });
          },
          { timeoutMs: 20_000 },
        );
      } finally {
        feast.close();
      }
    },
  );

  /** Runs the copy's program until its output topic has a row. */
  async function firstRow(
    topics: TestTopics,
    env: Readonly<Record<string, string>>,
  ): Promise<{ readonly features: unknown }> {
    const program = spawn(process.execPath, ['dist/main.js'], {
      cwd: copy.folder,
      env: {
        PATH: process.env['PATH'] ?? '',
        ...topics.env,
        ...env,
        FEATURES: features,
        IDLE_TIMEOUT_MS: '1000',
        HTTP_PORT: String(await freePort()),
        WINDOW_MS: '1000',
        WATERMARK_DELAY_MS: '0',
        WORKERS: '1',
      },
    });
    let printed = '';
    program.stdout.on('data', (text: Buffer) => (printed += text.toString()));
    program.stderr.on('data', (text: Buffer) => (printed += text.toString()));
    const exited = new Promise((resolve) => program.once('exit', resolve));
    try {
      return await eventually(
        async () => {
          const [record] = [...(await readTopic(log, topics.output)).values()].flat();
          return JSON.parse(record?.value ?? 'null, as yet') as { readonly features: unknown };
        },
        { timeoutMs: 60_000, onTimeout: () => printed },
      );
    } finally {
      program.kill('SIGTERM');
      await exited;
    }
  }
});
