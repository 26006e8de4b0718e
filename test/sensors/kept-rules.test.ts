import { describe, expect, it } from 'vitest';

import { parseConfig } from '../../src/config/config.ts';
import { semanticsFingerprint } from '../../src/sensors/fingerprint.ts';
import { keepRules, type KeptRule } from '../../src/sensors/kept-rules.ts';

const { semantics } = parseConfig({});
const rule: KeptRule = {
  setting: 'ALARM_REST',
  legacy: 'fixed',
  apply: (before, value) =>
    value === 'calm' || value === 'fixed' ? { ...before, alarmRest: value } : before,
};
const unset = (): boolean => false;
const withRest = (text: string): string =>
  semanticsFingerprint(semantics).text.replace(/ALARM_REST=\S+ /, text);

describe('a group', () => {
  it('that is new begins with the defaults', () => {
    const began = { committed: undefined, isSet: unset };

    expect(keepRules(semantics, began, [rule])).toEqual({ semantics, lines: [] });
  });

  it('keeps the rule it began with, also where that is so old that no fingerprint names it', () => {
    for (const committed of [withRest('ALARM_REST=fixed '), withRest('')]) {
      const kept = keepRules(semantics, { committed, isSet: unset }, [rule]);

      expect(kept.semantics).toEqual({ ...semantics, alarmRest: 'fixed' });
      expect(kept.lines).toEqual([
        'ALARM_REST=fixed is kept, because this group began with it; a new group has ALARM_REST=calm',
      ]);
    }
  });

  it('that began with the default says nothing', () => {
    const began = { committed: withRest('ALARM_REST=calm '), isSet: unset };

    expect(keepRules(semantics, began, [rule])).toEqual({ semantics, lines: [] });
  });

  it('does not replace what the user has set, nor follow a value that nobody knows', () => {
    const isSet = (name: string): boolean => name === 'ALARM_REST';
    const set = keepRules(semantics, { committed: withRest('ALARM_REST=fixed '), isSet }, [rule]);
    const unknown = { committed: withRest('ALARM_REST=new '), isSet: unset };

    expect(set.semantics).toEqual(semantics);
    expect(keepRules(semantics, unknown, [rule]).semantics).toEqual(semantics);
  });

  it('keeps no other setting: one that differs is refused', () => {
    const committed = withRest('ALARM_REST=calm ').replace('WINDOW_MS=60000', 'WINDOW_MS=1000');

    expect(keepRules(semantics, { committed, isSet: unset }, [rule]).semantics).toEqual(semantics);
  });

  it('of a version before FAST_CLOCKS goes on with clocks that lead', () => {
    const committed = semanticsFingerprint({ ...semantics, fastClocks: 'lead' }).text;

    expect(committed).not.toContain('FAST_CLOCKS');
    expect(keepRules(semantics, { committed, isSet: unset }).semantics.fastClocks).toBe('lead');
    expect(keepRules(semantics, { committed, isSet: () => true }).semantics).toEqual(semantics);
  });
});
