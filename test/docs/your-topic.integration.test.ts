// docs/your-topic.md, done: every block of the page on a real Kafka and Redis, with the Feast SDK.
import { spawn, type StdioOptions } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';

import type { EventLog } from '../../src/log/event-log.ts';
import { freePort } from '../free-port.ts';
import { openTestLog } from '../integration/peers.ts';

const brokers = inject('kafkaBrokers');
const redisUrl = inject('redisUrl');
const python = inject('feastPython');
const root = fileURLToPath(new URL('../..', import.meta.url));
const page = readFileSync(join(root, 'docs/your-topic.md'), 'utf8');
const database = 12;

/** Returns the blocks of one language, each with the word behind the language. */
function blocks(language: string): readonly { readonly word: string; readonly text: string }[] {
  const pattern = new RegExp(`^\`\`\`${language}(?: (\\S+))?\\n(.*?)^\`\`\`$`, 'gms');
  return [...page.matchAll(pattern)].map(([, word = '', text = '']) => ({ word, text }));
}

/** A record of the page's plant: press-2 vibrates more than press-1. */
function plantRecord(machine: 'press-1' | 'press-2', timeMs: number): string {
  const wave = (timeMs / 1_000) % 7;
  const vibration = (machine === 'press-1' ? 0.3 : 0.9) + wave / 100;
  const readings = { temperature: 70 + wave, vibration };
  return JSON.stringify({ machine, at: new Date(timeMs).toISOString(), readings });
}

const machines = ['press-1', 'press-2'] as const;
const secondsOf = (fromMs: number, seconds: number): readonly number[] =>
  Array.from({ length: seconds }, (_, index) => fromMs + index * 1_000);

describe.skipIf(brokers === '' || redisUrl === '' || python === '')('the page', () => {
  let folder: string;
  let log: EventLog;
  const topic = `plant-${Date.now()}`;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sensorium-your-topic-'));
    for (const name of ['dist', 'node_modules', 'package.json']) {
      symlinkSync(join(root, name), join(folder, name));
    }
    cpSync(join(root, 'feature_repo'), join(folder, 'feature_repo'), {
      recursive: true,
      filter: (path) => !path.includes('/feature_repo/data'),
    });
    const yaml = join(folder, 'feature_repo/feature_store.yaml');
    const address = `${new URL(redisUrl).host},db=${database}`;
    writeFileSync(yaml, readFileSync(yaml, 'utf8').replace('localhost:6379', address));
    for (const { word, text } of blocks('python')) writeFileSync(join(folder, word), text);
    log = await openTestLog(brokers);
  });
  afterEach(async () => {
    await log.close();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  /** The past in a file with its labels, and the last three minutes in the topic. */
  async function givePlant(): Promise<void> {
    const startMs = Date.parse('2026-01-31T10:00:00Z');
    const past = secondsOf(startMs, 600).flatMap((timeMs) =>
      machines.map((machine) => plantRecord(machine, timeMs)),
    );
    writeFileSync(join(folder, 'plant.ndjson'), past.join('\n'));
    const labels = secondsOf(startMs, 600)
      .filter((timeMs) => timeMs % 30_000 === 0)
      .flatMap((timeMs) =>
        machines.map((machine, worn) =>
          [`${machine}/vibration`, new Date(timeMs).toISOString(), worn].join(','),
        ),
      );
    const head = blocks('csv')[0]?.text.split('\n')[0] ?? '';
    writeFileSync(join(folder, 'labels.csv'), [head, ...labels].join('\n'));
    await log.ensureTopics([{ topic, partitions: 2 }]);
    const present = secondsOf(Date.now() - 180_000, 180).flatMap((timeMs) =>
      machines.map((machine) => ({
        ...{ topic, key: Buffer.from(machine), timestampMs: timeMs },
        value: Buffer.from(plantRecord(machine, timeMs)),
      })),
    );
    await log.append(present);
  }

  /** The blocks as one script, in which only addresses and the topic's name are others. */
  function script(port: number): string {
    const shell = blocks('sh').map(({ text }) => text);
    return ['set -euo pipefail', `trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT`, ...shell]
      .join('\n')
      .replaceAll('redis://localhost:6379', `${redisUrl}/${database}`)
      .replaceAll('localhost:9092', brokers)
      .replaceAll('localhost:8080', `127.0.0.1:${port}`)
      .replaceAll('--topic plant ', `--topic ${topic} `)
      .replaceAll(/=plant(?=[ _\n])/g, `=${topic}`);
  }

  it('takes a topic to a served model as it is written', { timeout: 600_000 }, async () => {
    await givePlant();
    const port = await freePort();
    const env = {
      PATH: `${dirname(python)}:${process.env['PATH'] ?? ''}`,
      ...{ HOME: process.env['HOME'] ?? '', FEAST_USAGE: 'False', ONLINE_OTHER_WRITER: 'share' },
      ...{ HTTP_PORT: String(port), WORKERS: '1' },
    };

    const { code, printed } = await run(script(port), env);

    expect(code, printed).toBe(0);
    const proposed = readFileSync(join(folder, 'plant.yaml'), 'utf8');
    const lines = proposed.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    expect(lines.map((line) => line.replace(/\s+#.*$/, '')).join('\n')).toBe(
      blocks('yaml')[0]?.text.trim(),
    );
    expect(printed).toContain('press-1/vibration is fine');
    expect(printed).toContain('press-2/vibration is worn');
  });

  async function run(
    text: string,
    env: NodeJS.ProcessEnv,
  ): Promise<{ readonly code: unknown; readonly printed: string }> {
    // Given a socket, bash takes itself for a remote shell and reads the user's own settings.
    const stdio: StdioOptions = ['ignore', 'pipe', 'pipe'];
    const child = spawn('bash', ['--norc', '-c', text], { cwd: folder, env, stdio });
    let printed = '';
    child.stdout?.on('data', (part: Buffer) => (printed += part.toString()));
    child.stderr?.on('data', (part: Buffer) => (printed += part.toString()));
    const code: unknown = await new Promise((resolve) => child.once('close', resolve));
    return { code, printed };
  }
});
