// The page's views and their URLs.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { holds, runs, titled } from '../../../property-tests/seed.ts';
import {
  alarmStates,
  alarmsUrl,
  changedView,
  filters,
  listUrl,
  sorts,
  urlOf,
  viewOf,
} from '../../../src/http/web/view.js';

const view = fc.record({
  search: fc.string({ unit: 'grapheme' }),
  filter: fc.constantFrom(...filters.map(([value]) => value)),
  sort: fc.constantFrom(...sorts.map(([value]) => value)),
  shard: fc.constantFrom('', 'raw_readings/3'),
  cursor: fc.base64String(),
  sensor: fc.string({ unit: 'grapheme' }),
  range: fc.constantFrom('1h', '24h', '7d', '1000-2000'),
  alarms: fc.constantFrom(...alarmStates.map(([value]) => value)),
  alarm_search: fc.string({ unit: 'grapheme' }),
  alarm_cursor: fc.base64String(),
  letters: fc.string(),
});
const queryOf = (url: string): string => url.slice(url.indexOf('/') + 1);

describe('a view', () => {
  it(titled('is what its URL says'), async () => {
    await holds(
      fc.property(view, (shown) => {
        expect(viewOf(queryOf(urlOf(shown)))).toEqual(shown);
      }),
      runs(500),
    );
  });

  it('has no parameters where it is the plain page, and ignores what it does not know', () => {
    expect(urlOf(viewOf(''))).toBe('/');
    expect(urlOf(viewOf('?sort=colour&filter=loud&range=9-3&utm=1'))).toBe('/');
  });

  it('begins at the first page after a change of the search, and only then', () => {
    const shown = { ...viewOf(''), cursor: 'abc', alarm_cursor: 'def' };

    expect(changedView(shown, { filter: 'alarmed' })).toMatchObject({
      ...{ cursor: '', alarm_cursor: 'def' },
    });
    expect(changedView(shown, { alarms: 'muted' })).toMatchObject({
      ...{ cursor: 'abc', alarm_cursor: '' },
    });
    expect(changedView(shown, { sensor: 'a' }).cursor).toBe('abc');
  });

  it('asks the server for its list', () => {
    expect(listUrl({ ...viewOf('?filter=silent&sort=-id'), search: ' a&b ' }, 50)).toBe(
      '/sensors?sort=-id&limit=50&windows=true&search=a%26b&filter=silent',
    );
    expect(alarmsUrl({ ...viewOf('?alarms=muted'), alarm_search: ' a&b ' }, 20)).toBe(
      '/alarms?state=muted&limit=20&search=a%26b',
    );
  });
});
