import { describe, expect, it } from 'vitest';

import { ShardFailures } from '../../src/actors/shard-failures.ts';

const minuteMs = 60_000;

describe('what follows the end of a period of ownership', () => {
  it.each([
    ['release', 'confirm'],
    ['retry', 'recover'],
    ['rebuild', 'recover'],
    ['stop', 'fail'],
    ['dead-letter', 'fail'],
  ] as const)('an error to %s: %s', (directive, next) => {
    expect(new ShardFailures().next(directive, 0)).toBe(next);
  });

  it('a bug is recovered from three times in ten minutes, and then fails the shard', () => {
    const failures = new ShardFailures();

    expect([0, 1, 2, 3].map((atMs) => failures.next('crash', atMs))).toEqual([
      'recover',
      'recover',
      'recover',
      'fail',
    ]);
    expect(failures.next('crash', 5 * minuteMs)).toBe('fail');
    expect(failures.next('crash', 16 * minuteMs)).toBe('recover');
  });

  it('the pause doubles from one minute to half an hour, and begins again after an hour without', () => {
    const failures = new ShardFailures();

    const pauses = [0, 1, 2, 3, 4, 5, 6].map((atMs) => failures.failed(atMs) / minuteMs);

    expect(pauses).toEqual([1, 2, 4, 8, 16, 30, 30]);
    expect(failures.failed(7 + 60 * minuteMs)).toBe(minuteMs);
  });
});
