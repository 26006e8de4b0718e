import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { holds, runs, titled } from '../property-tests/seed.ts';
import { visible, visibleLines } from '../src/visible.ts';

describe('text for people', () => {
  it.each([
    ['\u001b[2J', '\\u001b[2J'],
    ['a\nb\tc', 'a\\u000ab\\u0009c'],
    ['\u009b31m', '\\u009b31m'],
    ['pump\u202e1', 'pump\\u202e1'],
    ['\u2028\u2029\u007f\ufeff', '\\u2028\\u2029\\u007f\\ufeff'],
    ['\ud800x', '\\ud800x'],
    ['\u{e0041}', '\\udb40\\udc41'],
    ['Halle 3/Pumpe ö 🌡', 'Halle 3/Pumpe ö 🌡'],
  ])('shows %j as %s', (text, shown) => {
    expect(visible(text)).toBe(shown);
  });

  it(titled('keeps JSON equal, and its lines'), () =>
    holds(
      fc.property(fc.jsonValue(), fc.string({ unit: 'binary' }), (value, text) => {
        const json = JSON.stringify([value, text], null, 2);
        const shown = visibleLines(json);

        expect(JSON.parse(shown)).toEqual(JSON.parse(json));
        expect(shown.split('\n')).toHaveLength(json.split('\n').length);
        expect(shown).not.toMatch(/[\p{Cf}\u007f-\u009f]/u);
      }),
      runs(200),
    ),
  );
});
