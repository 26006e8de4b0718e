import { expect, it } from 'vitest';

import { elementTexts, parseExactly } from '../../src/codecs/exact-integers.ts';

it('long integers keep their digits, and nothing else changes', () => {
  const text = String.raw`{"a":1769853540122999999,"b":"1769853540122999999","c\"1769853540122999999":[1,-2e3]}`;

  expect(parseExactly(text)).toEqual({
    ...{ a: '1769853540122999999', b: '1769853540122999999' },
    'c"1769853540122999999': [1, -2_000],
  });
});

it('the elements of an array are the texts that it has', () => {
  const elements = ['{"a":[1,2],"b":"],[\\""}', ' 1 ', '[]'];

  expect(elementTexts(` [${elements.join(',')}] `)).toEqual(elements);
});
