import { expect, it } from 'vitest';

import { defaultSemantics } from '../../property-tests/arbitraries/settings.ts';
import { fingerprintDifferences, semanticsFingerprint } from '../../src/sensors/fingerprint.ts';
import type { Semantics } from '../../src/sensors/shard-state.ts';

const changes: { readonly [Name in keyof Semantics]: Semantics[Name] } = {
  windowMs: 1,
  watermarkDelayMs: 1,
  maxAheadMs: 1,
  fastClocks: 'lead',
  baseline: 'cumulative',
  baselineHalfLife: 11,
  anomalyThreshold: 3,
  anomalyWarmup: 9,
  alarmRest: 'fixed',
  sensorsMax: 1,
  sensorTtlMs: 86_400_000,
  silentAfterMs: 'auto',
  stuckAfter: 30,
  alarmResolveAfterMs: 600_000,
  inputKeying: 'rekey',
  features: ['count'],
  windows: [{ name: '5m', sizeMs: 300_000, hopMs: 300_000 }],
};

it.each(Object.entries(changes))('changes when %s does, and names it alone', (name, value) => {
  const before = semanticsFingerprint(defaultSemantics);
  const after = semanticsFingerprint({ ...defaultSemantics, [name]: value });

  expect(after.hash).not.toBe(before.hash);
  expect(fingerprintDifferences(before.text, after.text)).toHaveLength(1);
});

it('is the same for equal semantics, and short enough for committed metadata', () => {
  const { hash, text } = semanticsFingerprint({ ...defaultSemantics });

  expect(semanticsFingerprint(defaultSemantics)).toEqual({ hash, text });
  expect(hash).toMatch(/^[0-9a-f]{16}$/);
  expect(text.length).toBeLessThan(500);
});

it('names a setting that only one side knows', () => {
  expect(fingerprintDifferences('FOLD=1 NEW=x', 'FOLD=1')).toEqual([
    'NEW: stored x, configured nothing',
  ]);
});

it('names the columns of opt-in features, so that a change of them is a change of state', () => {
  const features = [...defaultSemantics.features, 'sum', 'range', 'last_value'];
  const { text } = semanticsFingerprint({ ...defaultSemantics, features });

  expect(text).toMatch(/ COLUMNS=sums\(total,lost\),latest\(timestampMs,value\)$/);
  expect(semanticsFingerprint(defaultSemantics).text).not.toContain('COLUMNS');
});
