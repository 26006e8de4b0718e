// A sensor whose id and values would act on a terminal, through every command that prints them.
import { statSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import { systemClock } from '../../src/clock.ts';
import { openEmbeddedLog } from '../../src/log/embedded/embedded-log.ts';
import { createLogger } from '../../src/logger.ts';
import { findingLine } from '../../src/past/finding.ts';
import { cli, freshDataDir } from './captured-cli.ts';

/** Clears the screen, turns the text around, forges a line. */
const hostile = 'pump\u001b[2J\u009b31m\u202e\nall equal: 0 findings';
// Of the texts that a terminal gets, everything but their line breaks.
const unsafe = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

async function withRecords(): Promise<{ readonly DATA_DIR: string }> {
  const env = { DATA_DIR: freshDataDir() };
  await cli(['topics', 'create', '--partitions', '1'], env);
  const log = openEmbeddedLog({
    ...{ dataDir: env.DATA_DIR, clock: systemClock, logger: createLogger('fatal') },
  });
  const end = 1_700_000_000_000;
  const row = {
    ...{ sensor_id: hostile, window_start: end - 60_000, window_end: end },
    ...{ event_time: new Date(end).toISOString(), features: { count: 12, [hostile]: 1 } },
    lineage: { topic: 'raw_readings', partition: 0, first_offset: 1, last_offset: 12 },
  };
  const told = { key: 'dlq.reason', value: Buffer.from(`late\n${hostile}`) };
  const headers = [
    told,
    ...['topic', 'message'].map((name) => ({ key: `dlq.${name}`, value: Buffer.from(hostile) })),
    ...['partition', 'offset'].map((name) => ({ key: `dlq.${name}`, value: Buffer.from('0') })),
  ];
  const [key, value] = [Buffer.from(hostile), Buffer.from(JSON.stringify(row))];
  await log.append([
    { topic: 'sensor_features', key, value },
    { topic: 'sensor_features', key, value: Buffer.from(`no row ${hostile}`) },
    { topic: 'raw_readings', key, value: Buffer.from(JSON.stringify({ [hostile]: 1 })) },
    { topic: 'raw_readings.dlq', key, value, headers },
  ]);
  await log.close();
  return env;
}

const commands: readonly (readonly [args: readonly string[], lines: number])[] = [
  [['consume', '--from-beginning', '--limit', '2'], 2],
  [['consume', '--from-beginning', '--limit', '1', '--json'], 1],
  [['dlq', 'list'], 4],
  [['dlq', 'list', '--json'], 1],
  [['inspect', '--topic', 'raw_readings'], 0],
  [['inspect', '--sensor', hostile], 0],
  [['query', 'SELECT sensor_id FROM sensor_features'], 3],
  [[hostile], 0],
];

describe('an id that would act on a terminal', () => {
  it('is printed with escapes, in the line where it belongs', async () => {
    const env = await withRecords();

    for (const [args, lines] of commands) {
      const { out, err } = await cli(args, env, { isTerminal: true });
      expect([args, unsafe.exec(out + err)]).toEqual([args, null]);
      expect([args, `${out}${err}`]).toEqual([args, expect.stringContaining('\\u001b[2J')]);
      if (lines > 0) expect([args, out.split('\n').length - 1]).toEqual([args, lines]);
      expect([args, out]).toEqual([args, expect.not.stringMatching(/^all equal/m)]);
    }
  });

  it('is one line in a finding of the audit', () => {
    const line = findingLine({ kind: 'extra', sensor_id: hostile, field: 'x', found: hostile });

    expect(unsafe.exec(line)).toBeNull();
    expect(line).not.toContain('\n');
  });

  it('and the data beside it belong to this user alone', async () => {
    const { DATA_DIR } = await withRecords();

    expect(statSync(DATA_DIR).mode & 0o777).toBe(0o700);
  });
});
