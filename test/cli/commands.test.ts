import { existsSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { describe, expect, it } from 'vitest';

import { systemClock } from '../../src/clock.ts';
import type { EventLog } from '../../src/log/event-log.ts';
import type { OutputRecord } from '../../src/records/record.ts';
import { openEmbeddedLog } from '../../src/log/embedded/embedded-log.ts';
import { createLogger } from '../../src/logger.ts';
import { cli, freshDataDir } from './captured-cli.ts';

interface ReadBack {
  readonly key: string | null;
  readonly value: string;
  readonly headers: Readonly<Record<string, string>>;
}

async function withEmbedded<T>(dataDir: string, use: (log: EventLog) => Promise<T>): Promise<T> {
  const log = openEmbeddedLog({ dataDir, clock: systemClock, logger: createLogger('fatal') });
  try {
    return await use(log);
  } finally {
    await log.close();
  }
}

function readAll(dataDir: string, topic: string): Promise<readonly ReadBack[]> {
  return withEmbedded(dataDir, async (log) => {
    const records: ReadBack[] = [];
    const partitions = (await log.describeTopic(topic))?.partitions ?? 0;
    for (let partition = 0; partition < partitions; partition += 1) {
      for await (const batch of log.read({ topic, partition, from: 0 })) {
        const cursor = batch.records();
        while (cursor.next()) {
          const { bytes, keyStart, keyEnd, valueStart, valueEnd } = cursor;
          const headers = cursor
            .headers()
            .map(({ key, value }) => [key, Buffer.from(value ?? []).toString()] as const);
          records.push({
            key: keyStart < 0 ? null : Buffer.from(bytes.subarray(keyStart, keyEnd)).toString(),
            value: Buffer.from(bytes.subarray(valueStart, valueEnd)).toString(),
            headers: Object.fromEntries(headers),
          });
        }
      }
    }
    return records;
  });
}

const dataFile = fileURLToPath(
  new URL('../../data/ambient_temperature_system_failure.csv', import.meta.url),
);

describe('topics create', () => {
  it('creates missing topics with the requested partitions, and changes nothing the second time', async () => {
    const env = { DATA_DIR: freshDataDir() };

    const first = await cli(['topics', 'create', '--partitions', '3', '--json'], env);
    const second = await cli(['topics', 'create', '--partitions', '9', '--json'], env);
    const shown = await cli(['topics', 'create', '--partitions', '9'], env);

    const inputs = ['raw_readings', 'raw_readings.rekeyed', 'raw_readings.dlq'];
    const topics = [...inputs, 'sensor_features', 'sensor_anomalies', 'sensor_journal'];
    const expected = (isNew: boolean): object => ({
      topics: topics.map((topic) => ({ topic, partitions: 3, isNew })),
    });
    expect(JSON.parse(first.out)).toEqual(expected(true));
    expect(JSON.parse(second.out)).toEqual(expected(false));
    expect(shown.out).toContain('exists   raw_readings  3 partitions');
    expect(shown.err).toContain('raw_readings keeps its 3 partitions');
  });
});

describe('produce', () => {
  it('sends simulated readings, keyed by sensor, and counts them', async () => {
    const env = { DATA_DIR: freshDataDir(), INPUT_TOPIC: 'in' };

    const { exitCode, out } = await cli(
      [
        'produce',
        '--sensors',
        '5',
        '--rate',
        '100',
        '--duration',
        '0.1',
        '--bad-rate',
        '0.2',
        '--json',
      ],
      env,
    );

    const records = await readAll(env.DATA_DIR, 'in');
    const summary = JSON.parse(out) as { records: number; bad: number };
    expect(exitCode).toBe(0);
    expect(summary).toMatchObject({ topic: 'in', records: 50, late: 0, interrupted: false });
    expect(summary.bad).toBeGreaterThan(0);
    expect(records).toHaveLength(50);
    const good = records.filter(({ key, value }) => value.includes(`{"sensor_id":"${key ?? ''}",`));
    expect(good.length).toBeGreaterThanOrEqual(50 - summary.bad);
    expect(new Set(records.map(({ key }) => key)).size).toBe(5);
  });

  it('sends a real file whole, as fast as it can, with its own timestamps', async () => {
    const env = { DATA_DIR: freshDataDir() };

    const { exitCode, out, err } = await cli(
      ['produce', '--file', dataFile, '--speed', 'max'],
      env,
    );

    const records = await readAll(env.DATA_DIR, 'raw_readings');
    expect(exitCode).toBe(0);
    expect(out).toMatch(/^sent 7267 records to raw_readings in /);
    expect(err).toContain('(2013-07-04T00:00:00.000Z to 2014-05-28T15:00:00.000Z)');
    expect(records).toHaveLength(7_267);
    expect(records[0]).toMatchObject({
      key: 'ambient_temperature_system_failure',
      value:
        '{"sensor_id":"ambient_temperature_system_failure","timestamp":1372896000000,"value":69.88083514}',
    });
  });

  it('sends the declared shape, keyed by the device, simulated or of a file', async () => {
    const input = 'id: [site, tags.host]\ntime: at\ntime_unit: s\nvalues: fields.*';
    const env = { DATA_DIR: freshDataDir(), INPUT_TOPIC: 'in', INPUT_SCHEMA: input };
    const path = `${env.DATA_DIR}.ndjson`;
    const given = '{"site":"n","tags":{"host":"a/b"},"at":1769853540,"fields":{"t":1,"u":2}}';
    writeFileSync(path, given);

    await cli(['produce', '--file', path, '--speed', 'max'], env);
    const { exitCode, err } = await cli(['produce', '--sensors', '1', '--duration', '0.01'], env);
    const refused = await cli(['produce', '--format', 'avro', '--duration', '0.01'], env);

    expect([exitCode, refused.exitCode], err).toEqual([0, 1]);
    const sent = [...(await readAll(env.DATA_DIR, 'in'))];
    const [first, second, simulated] = sent.sort((a, b) => a.value.localeCompare(b.value));
    const host = '{"site":"n","tags":{"host":"a/b"},"at":1769853540';
    expect(first).toMatchObject({ key: 'n/a%2Fb', value: `${host},"fields":{"t":1}}` });
    expect(second).toMatchObject({ key: 'n/a%2Fb', value: `${host},"fields":{"u":2}}` });
    expect(simulated?.key).toBe('site_1/sensor_000');
    expect(simulated?.value).toMatch(
      /^\{"site":"site_1","tags":\{"host":"sensor_000"\},"at":[\d.]+,"fields":\{"temperature":[\d.]+\}\}$/,
    );
  });

  it('sends without keys when asked, and in Avro', async () => {
    const env = { DATA_DIR: freshDataDir(), INPUT_TOPIC: 'in' };

    await cli(['produce', '--duration', '0.01', '--unkeyed', '--format', 'avro'], env);

    const [record] = await readAll(env.DATA_DIR, 'in');
    expect(record?.key).toBeNull();
    expect(record?.value).toContain('sensor_0');
    expect(record?.value).not.toContain('{');
  });

  it('sends nothing of a file with an error, and names the row', async () => {
    const env = { DATA_DIR: freshDataDir() };
    const path = `${env.DATA_DIR}.csv`;
    writeFileSync(path, 'timestamp,value\n1,1\n2,oops\n');

    const { exitCode, err } = await cli(['produce', '--file', path], env);

    expect(exitCode).toBe(1);
    expect(err).toMatch(/1 unreadable row: row 2: value is not a number: oops\. Nothing was sent/);
    expect(existsSync(env.DATA_DIR)).toBe(false);
  });
});

describe('dlq', () => {
  function deadLetter(reason: string, value: string, topic = 'raw_readings'): OutputRecord {
    const headers = {
      trace: 'kept',
      'dlq.reason': reason,
      'dlq.message': `because of ${reason}`,
      'dlq.topic': topic,
      'dlq.partition': '2',
      'dlq.offset': '17',
    };
    return {
      topic: 'raw_readings.dlq',
      partition: 1,
      key: Buffer.from('k'),
      value: Buffer.from(value),
      headers: Object.entries(headers).map(([key, text]) => ({ key, value: Buffer.from(text) })),
    };
  }

  async function withLetters(letters: readonly OutputRecord[]): Promise<{ DATA_DIR: string }> {
    const env = { DATA_DIR: freshDataDir() };
    await cli(['topics', 'create'], env);
    await withEmbedded(env.DATA_DIR, (log) => log.append(letters));
    return env;
  }

  const three = [
    deadLetter('value_type', 'first'),
    deadLetter('late', 'second'),
    deadLetter('value_type', 'third \u001b[31m'),
  ];

  it('list counts by reason and shows the newest, with control characters escaped', async () => {
    const env = await withLetters(three);

    const all = await cli(['dlq', 'list'], env);
    const some = await cli(['dlq', 'list', '--reason', 'late', '--json'], env);

    expect(all.out).toContain('3 dead letters in raw_readings.dlq\n');
    expect(all.out).toMatch(/ 2  value_type\n +1  late\n/);
    expect(all.out).toContain('from raw_readings/2@17: because of late');
    expect(all.out).not.toContain('\u001b');
    const listed = JSON.parse(some.out) as { counts: object; letters: { value: string }[] };
    expect(listed.counts).toEqual({ value_type: 2, late: 1 });
    expect(listed.letters.map(({ value }) => Buffer.from(value, 'base64').toString())).toEqual([
      'second',
    ]);
  });

  it('replay only prints what it would do without --yes', async () => {
    const env = await withLetters(three);

    const { out } = await cli(['dlq', 'replay'], env);

    expect(out).toContain('would replay 2 dead letters: 2 value_type');
    expect(out).toContain('skipped 1 late (--include-late replays them)');
    expect(await readAll(env.DATA_DIR, 'raw_readings')).toEqual([]);
  });

  it('replay writes each back once, with key, value and original headers; late ones only on request', async () => {
    const env = await withLetters(three);

    await cli(['dlq', 'replay', '--yes'], env);
    await cli(['dlq', 'replay', '--yes'], env);
    const last = await cli(['dlq', 'replay', '--yes', '--include-late', '--json'], env);

    const back = await readAll(env.DATA_DIR, 'raw_readings');
    expect(back).toEqual(
      ['first', 'third \u001b[31m', 'second'].map((value) => ({
        key: 'k',
        value,
        headers: { trace: 'kept' },
      })),
    );
    expect(JSON.parse(last.out)).toEqual({
      done: true,
      replayed: { late: 1 },
      late_left_out: 0,
      replayed_before: 2,
      other_topics: 0,
      not_ours: 0,
      cut_gone: 0,
    });
  });

  it('replay of one reason leaves the others for later', async () => {
    const env = await withLetters([deadLetter('value_range', 'a'), ...three]);

    await cli(['dlq', 'replay', '--yes', '--reason', 'value_type'], env);
    const rest = await cli(['dlq', 'replay', '--yes', '--json'], env);

    expect(JSON.parse(rest.out)).toMatchObject({ replayed: { value_range: 1 } });
  });

  it('replay writes only to the input topic, whatever a header says, and skips records of other programs', async () => {
    const stranger = {
      topic: 'raw_readings.dlq',
      partition: 0,
      key: null,
      value: Buffer.from('x'),
    };
    const env = await withLetters([deadLetter('late', 'v', 'sensor_features'), stranger]);

    const { out } = await cli(['dlq', 'replay', '--yes', '--include-late', '--json'], env);

    expect(JSON.parse(out)).toMatchObject({ replayed: {}, other_topics: 1, not_ours: 1 });
    expect(await readAll(env.DATA_DIR, 'sensor_features')).toEqual([]);
  });
});

describe('inspect', () => {
  it('shows positions, lag, watermark and snapshots from committed metadata', async () => {
    const env = { DATA_DIR: freshDataDir() };
    await cli(['topics', 'create', '--partitions', '1'], env);
    await withEmbedded(env.DATA_DIR, async (log) => {
      await log.append([{ topic: 'raw_readings', key: null, value: Buffer.from('x') }]);
      const position = { topic: 'raw_readings', partition: 0 };
      const writer = await log.openWriter('sensor-feature-processor', position);
      const snapshot = { id: 's1', place: 'p', length: 10, checksum: 1, takenMs: 5 };
      const metadata = {
        version: 1,
        origin: 0,
        fingerprint: 'f',
        sources: 1,
        watermarkMs: 1_700_000_000_000,
        sourceMaxMs: null,
        sourceIdle: false,
        journal: { sequence: 3, originOffset: 0 },
        snapshots: [snapshot],
      };
      await writer.commit({ nextOffset: 0, metadata: JSON.stringify(metadata), records: [] });
      await writer.close();
    });

    const table = await cli(['inspect'], env);
    const json = await cli(['inspect', '--json'], env);

    expect(table.out).toMatch(/raw_readings\/0 +0 +1 +1 +2023-11-14T22:13:20\.000Z/);
    expect(table.out).toMatch(/raw_readings\.rekeyed\/0 +- +0 +0 +- +-\n/);
    const groups = JSON.parse(json.out) as { shards: object[] };
    expect(groups.shards[0]).toEqual({
      topic: 'raw_readings',
      partition: 0,
      position: 0,
      earliest: 0,
      end: 1,
      lag: 1,
      origin: 0,
      watermark_ms: 1_700_000_000_000,
      fingerprint: 'f',
      journal_entries: 3,
      snapshots: [{ id: 's1', bytes: 10, taken_ms: 5 }],
    });
  });

  it('names the places it searched for an unknown sensor', async () => {
    const env = { DATA_DIR: freshDataDir() };

    const { exitCode, err } = await cli(['inspect', '--sensor', 'nobody'], env);

    expect(exitCode).toBe(1);
    expect(err).toContain('no sensor nobody: neither at http://127.0.0.1:1 nor in the store');
  });
});

describe('project --rebuild', () => {
  it('reports what it read and wrote', async () => {
    const env = { DATA_DIR: freshDataDir() };
    const row = {
      sensor_id: 'a',
      window_start: 0,
      window_end: 60_000,
      event_time: '1970-01-01T00:01:00.000Z',
      features: {
        count: 2,
        avg_value: 1,
        min_value: 1,
        max_value: 1,
        std_dev: 0,
        anomaly_count: 0,
        anomaly_rate: 0,
      },
      lineage: { topic: 'raw_readings', partition: 0, first_offset: 0, last_offset: 1 },
    };
    await cli(['topics', 'create'], env);
    await withEmbedded(env.DATA_DIR, (log) =>
      log.append([
        {
          topic: 'sensor_features',
          key: Buffer.from('a'),
          value: Buffer.from(JSON.stringify(row)),
        },
      ]),
    );

    const { exitCode, out } = await cli(['project', '--rebuild', '--json'], env);
    const sensor = await cli(['inspect', '--sensor', 'a', '--json'], env);

    expect(exitCode).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ records: 1, written: 1, skipped: 0, badRows: 0 });
    expect(JSON.parse(sensor.out)).toMatchObject({ window_end: 60_000, features: row.features });
  });
});
