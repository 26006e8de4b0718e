import { describe, expect, it } from 'vitest';

import { judgedHistory } from '../../src/cli/doctor-history.ts';

const extents = [
  { earliest: 100, end: 200 },
  { earliest: 0, end: 50 },
];
const now = { extents, topicId: 'now' };

describe('doctor on the history', () => {
  it('says how far it is behind its topic', () => {
    const check = judgedHistory('history', { positions: [180, undefined], gaps: [] }, now);

    expect(check).toEqual({ name: 'history', status: 'ok', found: '70 records behind its topic' });
  });

  it.each([
    ['rows that are gone', [99, 50], 'partition 0 begins at offset 100, and the history has read'],
    ['another topic', [200, 51], 'partition 1 ends at offset 50, before the 51 read'],
  ])('fails for %s', (_, positions, found) => {
    const check = judgedHistory('history', { positions, gaps: [] }, now);

    expect(check.status).toBe('fail');
    expect(check.found).toContain(found);
  });

  it('fails for a topic that was made again, though it holds more than was read', () => {
    const read = { positions: [150, 10], gaps: [], topicId: 'before' };

    const check = judgedHistory('history', read, now);

    expect(check.status).toBe('fail');
    expect(check.found).toContain('before');
    expect(check.cure).toContain('use another HISTORY_DIR');
  });

  it.each([
    ['the history', undefined, 'now'],
    ['the log', 'before', undefined],
  ])('judges by offsets where %s knows no id of the topic', (_, topicId, topicIdNow) => {
    const read = { positions: [180, undefined], gaps: [], ...(topicId && { topicId }) };

    const check = judgedHistory('history', read, { extents, topicId: topicIdNow });

    expect(check.status).toBe('ok');
  });

  it('warns of rows that were lost in the past', () => {
    const gaps = [{ partition: 0, from: 20, to: 90 }];

    const check = judgedHistory('history', { positions: [200, 50], gaps }, now);

    expect(check).toMatchObject({
      status: 'warn',
      found: '70 records were lost before it read them',
    });
  });
});
