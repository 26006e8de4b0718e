import { describe, expect, it } from 'vitest';

import { idleMarkMs, type IdleView } from '../../src/actors/idle-rule.ts';

const view: IdleView = {
  nowMs: 1_000_000,
  quietMs: 10_000,
  idleTimeoutMs: 10_000,
  watermarkDelayMs: 5_000,
  maxEventTimeMs: 985_000,
  watermarkMs: 980_000,
  earliestDueMs: 990_000,
};

describe('idle rule', () => {
  it('lets event time flow as wall time does once the shard is quiet for the timeout', () => {
    expect(idleMarkMs(view)).toBe(985_000 + 10_000 - 5_000);
  });

  it('marks nothing before the timeout', () => {
    expect(idleMarkMs({ ...view, quietMs: 9_999 })).toBeUndefined();
  });

  it('marks nothing where no window would close', () => {
    expect(idleMarkMs({ ...view, earliestDueMs: 990_001 })).toBeUndefined();
    expect(idleMarkMs({ ...view, earliestDueMs: Infinity })).toBeUndefined();
  });

  it('never moves event time past the wall clock less the delay', () => {
    const fast = { ...view, maxEventTimeMs: 1_200_000, earliestDueMs: 990_000 };

    expect(idleMarkMs(fast)).toBe(1_000_000 - 5_000);
  });

  it('closes the windows of old event times when as much wall time has passed', () => {
    const old = {
      ...view,
      maxEventTimeMs: 10_000,
      watermarkMs: 5_000,
      earliestDueMs: 60_000,
    };

    expect(idleMarkMs(old)).toBeUndefined();
    expect(idleMarkMs({ ...old, nowMs: 1_045_000, quietMs: 55_000 })).toBe(60_000);
  });

  it('marks nothing before the first reading', () => {
    const fresh = { ...view, maxEventTimeMs: -Infinity, watermarkMs: -Infinity };

    expect(idleMarkMs({ ...fresh, earliestDueMs: Infinity })).toBeUndefined();
  });
});
