import { describe, expect, it } from 'vitest';

import { otherGroup, readSourceClock } from '../../src/actors/source-clocks.ts';
import { forwardGroupHeader, forwardGroupOf } from '../../src/codecs/forward-group.ts';

const header = (key: string, value: string): { key: string; value: Buffer } => ({
  key,
  value: Buffer.from(value),
});
const topic = header('rekey.topic', 'in');

describe('the group of a forward', () => {
  it('is the one that its header names', () => {
    const headers = [header('trace', 'x'), topic, forwardGroupHeader('größe'), header('z', '')];

    expect(forwardGroupOf(headers)).toBe('größe');
  });

  it('is that of a marker, which entered nowhere', () => {
    expect(forwardGroupOf([forwardGroupHeader('g'), header('rekey.source', '0/1/5')])).toBe('g');
  });

  it('is unknown of an earlier version, whatever header its client sent', () => {
    expect(forwardGroupOf([])).toBeUndefined();
    expect(forwardGroupOf([topic])).toBeUndefined();
    expect(forwardGroupOf([forwardGroupHeader('of a client'), topic])).toBeUndefined();
  });

  it('is ours where a client sent one, too', () => {
    const headers = [forwardGroupHeader('of a client'), topic, forwardGroupHeader('g')];

    expect(forwardGroupOf(headers)).toBe('g');
  });

  it('decides who folds it: its own group alone, and everybody where it names none', () => {
    const clock = header('rekey.source', '0/2/5');
    const read = (headers: readonly { key: string; value: Buffer }[], groupId?: string): unknown =>
      readSourceClock({ headerCount: headers.length, headers: () => headers } as never, groupId);
    const known = { source: 0, sources: 2, time: 5 };

    expect(read([topic, forwardGroupHeader('g') as never, clock], 'g')).toEqual(known);
    expect(read([topic, forwardGroupHeader('h') as never, clock], 'g')).toBe(otherGroup);
    expect(read([topic, clock], 'g')).toEqual(known);
    expect(read([topic, forwardGroupHeader('h') as never, clock])).toEqual(known);
  });
});
