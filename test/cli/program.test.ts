import { describe, expect, it } from 'vitest';

import { settingNames } from '../../src/config/settings.ts';
import { cli } from './captured-cli.ts';

const commandLines = [
  ['run'],
  ['produce'],
  ['topics', 'create'],
  ['dlq', 'list'],
  ['dlq', 'replay'],
  ['inspect'],
  ['project'],
  ['doctor'],
  ['consume'],
  ['size'],
  ['completion'],
];

describe('help', () => {
  it('names every command, shows examples, and prints every setting', async () => {
    const { exitCode, out, err } = await cli(['--help']);

    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
    for (const [command = ''] of commandLines)
      expect(out).toMatch(new RegExp(`^  ${command}\\b`, 'm'));
    for (const name of settingNames) expect(out).toContain(`\n  ${name} `);
    expect(out).toContain('Examples:');
  });

  it.each(commandLines.filter(([command]) => command !== 'run'))(
    'of %s %s shows how it is used, with an example',
    async (...words) => {
      const { exitCode, out } = await cli([...words.filter(Boolean), '--help']);

      expect(exitCode).toBe(0);
      expect(out).toContain(`Usage: sensorium ${words.join(' ')}`);
      expect(out).toMatch(/Examples?:\n  .*node dist\/main\.js/);
    },
  );

  it('fits into 110 columns', async () => {
    for (const words of [['--help'], ...commandLines.map((line) => [...line, '--help'])]) {
      const { out } = await cli(words);
      const longest = out.split('\n').reduce((a, b) => (a.length > b.length ? a : b));
      expect(longest.length, longest).toBeLessThanOrEqual(110);
    }
  });
});

describe('the version', () => {
  it.each(['-v', '-V', '--version'])('is printed for %s', async (flag) => {
    const { exitCode, out, err } = await cli([flag]);

    expect([exitCode, err]).toEqual([0, '']);
    expect(out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe('a wrong command line', () => {
  it.each([
    ['an unknown command', ['nonsense'], "unknown command 'nonsense'"],
    ['a mistyped command', ['prodcue'], 'did you mean produce?'],
    ['the beginning of a command', ['insp'], 'did you mean inspect?'],
    ['an unknown subcommand', ['dlq', 'nonsense'], "unknown command 'nonsense'"],
    ['an unknown option', ['run', '--fast'], "unknown option '--fast'"],
    ['a number that is none', ['produce', '--sensors', 'many'], '--sensors'],
    ['a part above one', ['produce', '--bad-rate', '1.5'], 'from 0 to 1'],
    ['a format that does not exist', ['produce', '--format', 'xml'], 'json, avro'],
    ['project without what to do', ['project'], '--rebuild'],
    ['an argument too many', ['doctor', 'kafka'], 'too many arguments'],
  ])('%s is one line on standard error and exit code 2', async (_case, argv, message) => {
    const { exitCode, out, err } = await cli(argv);

    expect(exitCode).toBe(2);
    expect(out).toBe('');
    expect(err).toMatch(/^sensorium: .*\n$/);
    expect(err).toContain(message);
  });
});

describe('wrong settings', () => {
  it('stop every command with all problems and exit code 1, and touch nothing', async () => {
    for (const argv of [
      [],
      ...commandLines.filter(
        ([word]) => !['run', 'doctor', 'project', 'size', 'completion'].includes(word ?? ''),
      ),
    ]) {
      const { exitCode, out, err } = await cli(argv, { WINDOW_MS: '1e3', WORKERS: '0' });

      expect({ argv, exitCode, out }).toEqual({ argv, exitCode: 1, out: '' });
      expect(err).toMatch(
        /^sensorium: 2 settings are wrong:\n  WORKERS is "0".*\n  WINDOW_MS is "1e3"/,
      );
    }
  });

  it('are what doctor reports, as a failed check', async () => {
    const { exitCode, out } = await cli(['doctor'], { WINDOW_MS: '0' });

    expect(exitCode).toBe(1);
    expect(out).toContain('fail  settings: WINDOW_MS is "0"');
  });

  it('with misspelt names are warned of, without their values', async () => {
    const { err } = await cli(['doctor'], { KAFKA_SASL_PASWORD: 'hunter2' });

    expect(err).toContain('KAFKA_SASL_PASWORD is not a setting; did you mean KAFKA_SASL_PASSWORD?');
    expect(err).not.toContain('hunter2');
  });
});

describe('brokers that cannot be reached', () => {
  it.each([
    ['topics', 'create'],
    ['dlq', 'list'],
    ['inspect'],
    ['project', '--rebuild'],
    ['produce'],
  ])('fail %s %s at once, with one line that names them', async (...words) => {
    const { exitCode, err } = await cli(words.filter(Boolean), { KAFKA_BROKERS: '127.0.0.1:1' });

    expect(exitCode).toBe(1);
    expect(err).toBe('sensorium: no Kafka broker can be reached: 127.0.0.1:1: ECONNREFUSED\n');
  });
});
