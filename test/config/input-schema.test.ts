import { describe, expect, it } from 'vitest';

import { parseInputSchema } from '../../src/config/input-schema.ts';
import { parseConfig } from '../../src/config/config.ts';
import { canonicalDeclaration, parsePath, pathText } from '../../src/sensors/input-declaration.ts';
import { semanticsFingerprint } from '../../src/sensors/fingerprint.ts';

const parsed = (text: string): unknown => {
  const result = parseInputSchema(text);
  return 'declaration' in result
    ? (JSON.parse(canonicalDeclaration(result.declaration)) as unknown)
    : result.problems;
};

describe('a declaration', () => {
  it('says where id, time and values are', () => {
    const telegraf = `
id: [tags.host, tags.cpu]
time: timestamp
time_unit: s
values: fields.*
`;

    expect(parsed(telegraf)).toEqual({
      format: 'json',
      id: ['tags.host', 'tags.cpu'],
      time: 'timestamp',
      time_unit: 's',
      values: 'fields.*',
      value_types: ['number'],
    });
  });

  it('has one text, however it is written', () => {
    const one = parsed('{id: device, time: ts, value: "v", value_types: [text, number]}');
    const other = parsed('# ours\nvalue_types: [number, text]\nvalue: v\ntime: ts\nid: [device]\n');

    expect(one).toEqual(other);
  });

  it('names every problem with its place', () => {
    const wrong = 'id: ".a"\ntiem: ts\ntime_unit: sec\nvalues: [a, "b..c"]\n';

    expect(parsed(wrong)).toEqual([
      'id: expected a path such as temperature, payload.temp or readings[0].value, ' +
        'a list of up to 8 of them, or $key',
      'time: missing; expected a path such as temperature, payload.temp or readings[0].value, ' +
        'or $time',
      'time_unit: expected one of ms, s, us, ns, iso',
      'values.1: expected a path such as temperature, payload.temp or readings[0].value',
      'tiem is not one of its settings, which are format, id, time, time_unit, time_zone, value, ' +
        'metric, values, value_types',
    ]);
  });

  it.each([
    ['id: a\ntime: t\n', 'value, values: set one of them'],
    ['id: a\ntime: t\nvalue: v\nvalues: [w]\n', 'value, values: set one of them'],
    ['id: a\ntime: t\nvalues: [w]\nmetric: m\n', 'metric needs value beside it'],
    ['id: a\ntime: t\nvalues: [w, w]\n', 'values: w is there twice'],
    ['id: a\ntime: t\nvalue: v\ntime_zone: UTC\n', 'time_zone needs time_unit: iso'],
    [
      'id: a\ntime: $time\ntime_unit: s\nvalue: v\n',
      "time_unit: the time is the record's own ($time), which has no other unit",
    ],
  ])('is refused where its settings contradict each other: %j', (text, problem) => {
    expect(parsed(text)).toEqual([problem]);
  });
});

it('that is no YAML is refused with the line', () => {
  expect(parsed('id: a\nvalues: [a, b\n')).toEqual([
    expect.stringMatching(/ at line \d/) as unknown,
  ]);
});

describe('a path', () => {
  it.each(['a', 'a.b', 'a[0].b', '[3]', 'a["b.c"]', '["$key"]', 'geo["x y"][12]'])(
    '%s reads as it is written',
    (text) => {
      expect(pathText(parsePath(text) ?? [])).toBe(text);
    },
  );

  it.each(['', '.', 'a.', 'a..b', '$key', 'a[', 'a[01]', 'a[-1]', 'a b', 'a["\\q"]', '*'])(
    '%j names nothing',
    (text) => {
      expect(parsePath(text)).toBeUndefined();
    },
  );
});

describe('INPUT_SCHEMA', () => {
  const text = '{id: device, time: ts, time_unit: s, value: v}';

  it('is a file or the declaration itself', () => {
    const inline = parseConfig({ INPUT_SCHEMA: text }, { cores: 2 });
    const file = parseConfig(
      { INPUT_SCHEMA: 'inputs.yaml' },
      { cores: 2, readText: (path) => (path === 'inputs.yaml' ? text : '') },
    );

    expect(inline.semantics.input).toBeDefined();
    expect(file.semantics).toEqual(inline.semantics);
  });

  it('is part of the fingerprint, and unset it leaves the fingerprint as it was', () => {
    const fingerprint = (env: Record<string, string>): string =>
      semanticsFingerprint(parseConfig(env, { cores: 2 }).semantics).text;

    expect(fingerprint({})).not.toContain('INPUT_SCHEMA');
    expect(fingerprint({ INPUT_SCHEMA: text })).toBe(
      `${fingerprint({})} INPUT_SCHEMA={"format":"json","id":["device"],"time":"ts",` +
        '"time_unit":"s","value":"v","value_types":["number"]}',
    );
  });

  it('of many fields fits into the metadata of a commit, and still tells two apart', () => {
    const many = (last: string): string =>
      `{id: a, time: t, values: [${Array.from({ length: 900 }, (_, n) => `f${n}`).join(',')},${last}]}`;
    const fingerprint = (declaration: string): string =>
      semanticsFingerprint(parseConfig({ INPUT_SCHEMA: declaration }, { cores: 2 }).semantics).text;

    expect(fingerprint(many('x')).length).toBeLessThan(1_500);
    expect(fingerprint(many('x'))).not.toBe(fingerprint(many('y')));
  });

  it('says what is wrong with it, and where', () => {
    const wrong = (value: string): (() => unknown) => {
      return () => parseConfig({ INPUT_SCHEMA: value }, { cores: 2, readText: () => 'id: a' });
    };

    expect(wrong('inputs.yaml')).toThrow('INPUT_SCHEMA "inputs.yaml": time: missing; expected');
    expect(() => parseConfig({ INPUT_SCHEMA: '/none/of.yaml' }, { cores: 2 })).toThrow(
      'INPUT_SCHEMA "/none/of.yaml" cannot be read: ENOENT',
    );
  });

  it('has simulated sensors beside it only where they are asked for', () => {
    const simulated = (env: Readonly<Record<string, string>>): number =>
      parseConfig({ INPUT_SCHEMA: text, ...env }, { cores: 2 }).process.simulatedSensors;

    expect([simulated({}), simulated({ SIMULATED_SENSORS: '3' })]).toEqual([0, 3]);
  });
});
