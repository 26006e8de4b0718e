import fc from 'fast-check';
import { expect, test } from 'vitest';

import { isSessionOver } from '../../../src/log/kafka/reauthentication.ts';
import { holds, runs, titled } from '../../../property-tests/seed.ts';

const session = (lifetimeMs: number, authenticatedAt: [number, number] | null) => ({
  authenticatedAt,
  sessionLifetime: String(lifetimeMs),
});
const at = (ms: number): [number, number] => [Math.floor(ms / 1_000), (ms % 1_000) * 1e6];

test('a session without an end never needs another login', () => {
  expect(isSessionOver(session(0, at(5_000)), at(1e12))).toBe(false);
});

test(titled('a session of any lifetime is used for most of it, and left before its end'), () => {
  const lifetimes = fc.integer({ min: 1_000, max: 86_400_000 });
  const property = fc.property(lifetimes, fc.nat(1e9), (lifetimeMs, startMs) => {
    const used = session(lifetimeMs, at(startMs));

    expect(isSessionOver(used, at(startMs + Math.floor(lifetimeMs * 0.8)))).toBe(false);
    expect(isSessionOver(used, at(startMs + Math.ceil(lifetimeMs * 0.9)))).toBe(true);
  });
  return holds(property, runs(200));
});

test('a connection without a login needs one where sessions end', () => {
  expect(isSessionOver(session(3_000, null), at(0))).toBe(true);
});
