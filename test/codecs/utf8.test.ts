import { isUtf8 as nodeIsUtf8 } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { isUtf8 } from '../../src/codecs/utf8.ts';
import { guarded, surrounded } from './surrounded.ts';

function check(record: Uint8Array): boolean {
  const { bytes, start, end } = guarded(surrounded(record, '\x80'));
  return isUtf8(bytes, start, end);
}

describe('UTF-8 validity', () => {
  it("agrees with Node's own for every sequence of two bytes", () => {
    for (let first = 0; first < 256; first += 1) {
      for (let second = 0; second < 256; second += 1) {
        const record = Buffer.of(first, second);
        if (check(record) !== nodeIsUtf8(record)) expect.fail(record.toString('hex'));
      }
    }
  });

  it("agrees with Node's own for every lead and the edges of every later byte", () => {
    const edges = [0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff];
    for (let lead = 0x80; lead < 256; lead += 1) {
      for (const second of edges) {
        for (const third of edges) {
          for (const fourth of edges) {
            for (const record of [
              Buffer.of(lead, second, third),
              Buffer.of(lead, second, third, fourth),
            ]) {
              if (check(record) !== nodeIsUtf8(record)) expect.fail(record.toString('hex'));
            }
          }
        }
      }
    }
  });

  it('of nothing is given', () => {
    expect(check(new Uint8Array(0))).toBe(true);
  });
});
