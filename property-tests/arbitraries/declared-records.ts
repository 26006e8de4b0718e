// Declarations of every kind, and records that mostly have their shape.
import fc from 'fast-check';

import type { ModelRecord, WrittenDeclaration } from '../models/input-model.ts';
import { anyChanges, changed } from './json-records.ts';

/** About now: what a record's own timestamp is. */
export const recordTimeMs = Date.UTC(2026, 0, 31, 10);

// Few names, so that ids, times and values often share parts of their paths.
const name = fc.constantFrom(...['a', 'b', 'c', 'dev', 'ts', 'temp', 'é', '__proto__', 'toString']);
const path = fc.oneof(
  { weight: 4, arbitrary: name },
  fc.tuple(name, name).map(([outer, inner]) => `${outer}.${inner}`),
  fc.tuple(name, fc.nat(2)).map(([outer, index]) => `${outer}[${index}]`),
  fc.tuple(name, fc.nat(1), name).map(([outer, index, inner]) => `${outer}[${index}].${inner}`),
);

const measurements = fc.oneof(
  fc.record({ value: path }),
  fc.record({ metric: path, value: path }),
  fc.record({ values: fc.uniqueArray(path, { minLength: 1, maxLength: 4 }) }),
  fc.record({
    values: fc
      .uniqueArray(fc.tuple(fc.constantFrom('x', 'y/z', '%'), path), {
        selector: ([given]) => given,
        minLength: 1,
      })
      .map((named) => Object.fromEntries(named)),
  }),
  fc.record({
    values: fc.oneof(
      fc.constant('*'),
      name.map((under) => `${under}.*`),
    ),
  }),
);

const time = fc.oneof(
  fc.constant({ time: '$time' }),
  fc.record({ time: path, time_unit: fc.constantFrom('ms', 's', 'us', 'ns', 'iso') }),
  fc.record({
    time: path,
    time_unit: fc.constant('iso'),
    time_zone: fc.constantFrom('UTC', '+02:00', '-0930'),
  }),
);

const valueTypes = fc.option(
  fc
    .subarray(['number', 'text', 'boolean'], { minLength: 1 })
    .map((types) => ({ value_types: types })),
  { nil: {} },
);

export const anyDeclaration: fc.Arbitrary<WrittenDeclaration> = fc
  .tuple(
    fc.oneof(fc.constant('$key'), path, fc.uniqueArray(path, { minLength: 1, maxLength: 3 })),
    time,
    measurements,
    valueTypes,
  )
  .map(([id, when, what, types]) => ({ id, ...when, ...what, ...types }));

const nearMs = fc.integer({ min: recordTimeMs - 90_000, max: recordTimeMs + 10_000 });
/** Stands for digits that no double has; `jsonOf` writes them. */
const digitsOf = (ms: number, ns: string): string => `@${ms}${ns}@`;
const jsonOf = (value: unknown): string =>
  JSON.stringify(value)
    .replaceAll('1e+400', '1e400')
    .replaceAll(/"@(-?\d+)@"/g, '$1');

const unitTexts = {
  ms: (ms: number): unknown => ms,
  s: (ms: number): unknown => ms / 1_000,
  us: (ms: number): unknown => ms * 1_000 + 7,
  ns: (ms: number): unknown => digitsOf(ms, ms % 3 === 0 ? '999999' : '000000'),
  iso: (ms: number): unknown => new Date(ms).toISOString(),
};
const anyTime = fc.oneof(
  nearMs,
  nearMs.map((ms) => ms / 1_000),
  nearMs.map((ms) => Math.floor(ms / 1_000)),
  nearMs.map((ms) => ms * 1_000 + 7),
  nearMs.map((ms) => ms * 1e6),
  fc
    .tuple(nearMs, fc.constantFrom('999999', '999990', '000001', '0000000'))
    .map(([ms, ns]) => digitsOf(ms, ns)),
  nearMs.map((ms) => `${ms}999999`),
  fc.constantFrom(
    '@-1999999999999999999@',
    '@9007199254999999@',
    '@-9007199254999999@',
    '1.769853540122999999e18',
  ),
  nearMs.map((ms) => new Date(ms).toISOString()),
  nearMs.map((ms) => new Date(ms).toISOString().slice(0, 19)),
  nearMs.map((ms) => new Date(ms).toISOString().replace('Z', '+02:00').replace('T', ' ')),
  fc.constantFrom('2026-02-30T00:00:00Z', '2024-02-29T12:30Z', '2026-01-31T24:00:00Z', 0, -5),
);
const anyLeaf: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 4, arbitrary: fc.double({ noNaN: true, noDefaultInfinity: true }) },
  { weight: 2, arbitrary: fc.integer({ min: -50, max: 50 }) },
  { weight: 4, arbitrary: anyTime },
  fc.constantFrom(null, true, false, 'on', 'OFF', '21.5', '21,5', '', '1e3', ' 1', 'a/b', '%2F'),
  fc.constantFrom(1e151, 2 ** 53 + 2, -0, 'x'.repeat(257), '\ud800', [], {}),
  fc.string({ unit: 'grapheme', maxLength: 8 }),
);
const anyNode: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 5, arbitrary: anyLeaf },
  fc.dictionary(name, anyLeaf, { maxKeys: 4 }),
  fc.array(fc.oneof(anyLeaf, fc.dictionary(name, anyLeaf, { maxKeys: 3 })), { maxLength: 3 }),
);

/** An object that has something at each path of the declaration, most of it what is declared. */
function fitting(declaration: WrittenDeclaration): fc.Arbitrary<object> {
  const values = declaration.values;
  const listed = typeof values === 'object' ? Object.values(values) : [];
  const paths = [declaration.value, declaration.metric, ...listed].filter((p) => p !== undefined);
  const ids = [declaration.id].flat().filter((p) => p !== '$key');
  const at = (found: fc.Arbitrary<unknown>) => (text: string) =>
    fc.tuple(fc.constant(text), fc.oneof({ weight: 12, arbitrary: found }, anyLeaf));
  const inUnit = nearMs.map(unitTexts[declaration.time_unit ?? 'ms']);
  const parts = [
    ...paths.map(
      at(
        fc.oneof(
          { weight: 3, arbitrary: fc.integer({ min: -50, max: 50 }) },
          fc.constantFrom('1', 'on', true),
        ),
      ),
    ),
    ...ids.map(at(fc.constantFrom('dev', 7, 'a/b'))),
    ...(declaration.time === '$time' ? [] : [at(inUnit)(declaration.time)]),
  ];
  return fc
    .tuple(fc.dictionary(name, anyNode, { maxKeys: 4 }), fc.tuple(...parts))
    .map(([rest, leaves]) =>
      leaves.reduce<object>((whole, [text, leaf]) => put(whole, text, leaf), rest),
    );
}

/** Plain, and only for what this file makes: a member of another kind in the way is replaced. */
function put(whole: object, text: string, leaf: unknown): object {
  const steps = text.match(/\[\d+\]|[^.[\]]+/g) ?? [];
  const set = (node: unknown, [step, ...others]: string[]): unknown => {
    if (step === undefined) return leaf;
    if (step.startsWith('[')) {
      const list: unknown[] = Array.isArray(node) ? [...(node as unknown[])] : [];
      const index = Number(step.slice(1, -1));
      while (list.length < index) list.push(null);
      list[index] = set(list[index], others);
      return list;
    }
    const isObject = typeof node === 'object' && node !== null && !Array.isArray(node);
    const members: [string, unknown][] = isObject ? Object.entries(node) : [];
    const inner: unknown = members.find(([key]) => key === step)?.[1];
    const rest = members.filter(([key]) => key !== step);
    return Object.fromEntries([...rest, [step, set(inner, others)]]);
  };
  return set(whole, [...steps]) as object;
}

const anyText = (declaration: WrittenDeclaration): fc.Arbitrary<Uint8Array> =>
  fc
    .tuple(
      fc.oneof(
        { weight: 6, arbitrary: fitting(declaration) },
        fc.dictionary(name, anyNode),
        anyNode,
      ),
      fc.constantFrom('', '', '', ' ', '\n', '\ufeff'),
      fc.oneof({ weight: 9, arbitrary: fc.constant(null) }, anyChanges),
      fc.boolean(),
    )
    .map(([value, before, changes, framed]) => {
      const header = Buffer.from(framed && before === '' ? [0, 0, 0, 0, 7] : []);
      const text = Buffer.from(before + jsonOf(value));
      const bytes = Buffer.concat([header, text]);
      return changes === null ? bytes : changed(bytes, changes);
    });

/** A declaration and records for it. */
export const declaredRecords: fc.Arbitrary<{
  readonly declaration: WrittenDeclaration;
  readonly records: readonly ModelRecord[];
}> = anyDeclaration.chain((declaration) =>
  fc.record({
    declaration: fc.constant(declaration),
    records: fc.array(
      fc.record({
        key: fc.oneof(
          { weight: 3, arbitrary: fc.constant('dev') },
          fc.constantFrom(null, '7', 'a/b', 'other', ''),
        ),
        value: anyText(declaration),
        timestampMs: fc.oneof(
          { weight: 9, arbitrary: fc.constant(recordTimeMs) },
          fc.constantFrom(-1, 0, 1_700_000_000),
        ),
      }),
      { minLength: 1, maxLength: 12 },
    ),
  }),
);

/** A flat declaration of one value, as the kernel reads some, and many records for it. */
export const flatRecords: fc.Arbitrary<{
  readonly declaration: WrittenDeclaration;
  readonly records: readonly ModelRecord[];
}> = fc
  .tuple(
    fc.uniqueArray(fc.constantFrom('a', 'b', 'dev', 'ts', 'temp', 'sensor_id', 'timestamp', 'é'), {
      minLength: 3,
      maxLength: 3,
    }),
    fc.constantFrom('ms', 's', 'us', 'ns', 'iso'),
    valueTypes,
  )
  .chain(([[id = '', time = '', value = ''], unit, types]) => {
    const declaration = { id, time, time_unit: unit, value, ...types } as WrittenDeclaration;
    const record = fc.oneof({ weight: 3, arbitrary: plainText(declaration) }, anyText(declaration));
    return fc.record({
      declaration: fc.constant(declaration),
      records: fc.array(
        fc.record({
          key: fc.oneof({ weight: 5, arbitrary: fc.constant('dev') }, fc.constantFrom(null, '7')),
          value: record,
          timestampMs: fc.oneof(
            { weight: 9, arbitrary: fc.constant(recordTimeMs) },
            fc.constantFrom(-1, 0, 1_700_000_000, recordTimeMs - 400_000),
          ),
        }),
        { minLength: 1, maxLength: 40 },
      ),
    });
  });

function plainText({
  id,
  time,
  time_unit: unit = 'ms',
  value,
}: WrittenDeclaration): fc.Arbitrary<Uint8Array> {
  return fc
    .record({
      [id as string]: fc.constantFrom('dev', 'dev', 'dev', '7'),
      [time]: fc.oneof({ weight: 5, arbitrary: nearMs.map(unitTexts[unit]) }, anyTime),
      [value ?? '']: fc.oneof({ weight: 5, arbitrary: fc.integer({ min: -50, max: 50 }) }, anyLeaf),
      note: fc.constantFrom('x', 1, null, { nested: 1 }),
    })
    .map((fields) => Buffer.from(jsonOf(fields)));
}

/**
 * A declaration of any kind and records that mostly repeat one of two shapes, as those of one
 * producer do; some are changed.
 */
export const steadyRecords: fc.Arbitrary<{
  readonly declaration: WrittenDeclaration;
  readonly records: readonly ModelRecord[];
}> = anyDeclaration.chain((declaration) =>
  fc
    .tuple(
      fc.tuple(steady(declaration), steady(declaration)),
      fc.array(
        fc.record({
          isOther: fc.oneof({ weight: 9, arbitrary: fc.constant(false) }, fc.boolean()),
          value: fc.oneof(
            fc.integer({ min: -50, max: 50 }),
            fc.double({ min: -9, max: 9, noNaN: true }),
          ),
          stepMs: fc.constantFrom(0, 1_000, 1_000, 60_000),
          changes: fc.oneof({ weight: 19, arbitrary: fc.constant(null) }, anyChanges),
          key: fc.oneof(
            { weight: 9, arbitrary: fc.constant('dev') },
            fc.constantFrom(null, 'other'),
          ),
          odd: fc.option(anyNode, { freq: 12 }),
        }),
        { minLength: 14, maxLength: 40 },
      ),
    )
    .map(([[usual, other], records]) => {
      let ms = recordTimeMs;
      return {
        declaration,
        records: records.map(({ isOther, value, stepMs, changes, key, odd }): ModelRecord => {
          ms += stepMs;
          const time = unitTexts[declaration.time_unit ?? 'ms'](ms);
          const whole = (isOther ? other : usual)({ time, value, odd });
          const bytes = Buffer.from(jsonOf(whole));
          return {
            key,
            timestampMs: ms + 100,
            value: changes === null ? bytes : changed(bytes, changes),
          };
        }),
      };
    }),
);

/** Records of one shape, which differ in their time and in the values that are measured. */
function steady(
  declaration: WrittenDeclaration,
): fc.Arbitrary<(found: { time: unknown; value: number; odd: unknown }) => object> {
  const values = declaration.values;
  const listed = typeof values === 'object' ? Object.values(values) : [];
  const under = typeof values === 'string' ? values.slice(0, -1) : undefined;
  const members = under === undefined ? [] : [`${under}a`, `${under}é`, `${under}temp`];
  const paths = [declaration.value, ...listed, ...members].filter((path) => path !== undefined);
  const ids = [declaration.id].flat().filter((path) => path !== '$key');
  return fc.dictionary(name, anyNode, { maxKeys: 3 }).map((rest) => ({ time, value, odd }) => {
    let whole: object = rest;
    for (const [index, path] of paths.entries()) {
      whole = put(whole, path, index === 0 && odd !== null ? odd : value + index);
    }
    if (declaration.metric !== undefined) whole = put(whole, declaration.metric, 'm/x');
    for (const [index, path] of ids.entries()) whole = put(whole, path, index === 0 ? 'dev' : 7);
    return declaration.time === '$time' ? whole : put(whole, declaration.time, time);
  });
}
