import { describe, expect, it } from 'vitest';

import { judgedHistory } from '../../src/cli/doctor-history.ts';

const extents = [
  { earliest: 100, end: 200 },
  { earliest: 0, end: 50 },
];

describe('doctor on the history', () => {
  it('says how far it is behind its topic', () => {
    const check = judgedHistory('history', { positions: [180, undefined], gaps: [] }, extents);

    expect(check).toEqual({ name: 'history', status: 'ok', found: '70 records behind its topic' });
  });

  it.each([
    ['rows that are gone', [99, 50], 'partition 0 begins at offset 100, and the history has read'],
    ['another topic', [200, 51], 'partition 1 ends at offset 50, before the 51 read'],
  ])('fails for %s', (_, positions, found) => {
    const check = judgedHistory('history', { positions, gaps: [] }, extents);

    expect(check.status).toBe('fail');
    expect(check.found).toContain(found);
  });

  it('warns of rows that were lost in the past', () => {
    const gaps = [{ partition: 0, from: 20, to: 90 }];

    const check = judgedHistory('history', { positions: [200, 50], gaps }, extents);

    expect(check).toMatchObject({
      status: 'warn',
      found: '70 records were lost before it read them',
    });
  });
});
