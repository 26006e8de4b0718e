// Alarms, dead letters and failed shards, in words.
import { describe, expect, it } from 'vitest';

import {
  alarmsNote,
  alarmText,
  retryOutcome,
  type AlarmsAnswer,
  type ShownAlarm,
} from '../../../src/http/web/operator-text.js';

const when = (timeMs: number): string => new Date(timeMs).toLocaleString('en-GB');
const alarm: ShownAlarm = {
  ...{ acknowledged: false, cause: 'reading', channel: 'spike', opened_at: 60_000, score: 3.9 },
  muted_until: null,
};
const page = {
  ...{ kept: true, alarms: [{}, {}], sensors: 2, next: null, processes: { silent: [] } },
} as const;
const all = { alarms: 'open', alarm_search: '' };

describe('an alarm', () => {
  it('is named by its rule or cause, with when it opened and how severe it is', () => {
    const since = `since ${when(60_000)}`;
    expect(alarmText(alarm, 0)).toEqual({
      ...{ name: 'spike', tone: 'bad', facts: `${since} · score 3.9` },
    });
    expect(alarmText({ ...alarm, channel: 'reading' }, 0).name).toBe('unusual readings');
    expect(alarmText({ ...alarm, cause: 'silent', channel: 'silent', score: null }, 0)).toEqual({
      ...{ name: 'silent', tone: 'bad', facts: since },
    });
  });

  it('is quieter once somebody knows of it, and while it is muted', () => {
    const known = alarmText({ ...alarm, acknowledged: true }, 0);
    expect(known.tone).toBe('wait');
    expect(known.facts).toContain('acknowledged');
    const muted = alarmText({ ...alarm, muted_until: 9_000 }, 8_999);
    expect(muted.tone).toBe('off');
    expect(muted.facts).toContain(`muted until ${when(9_000)}`);
    expect(alarmText({ ...alarm, muted_until: 9_000 }, 9_000).tone).toBe('bad');
  });
});

it.each<[string, AlarmsAnswer, typeof all, string]>([
  ['how many there are', page, all, '2 of 2 sensors'],
  ['that there are more', { ...page, next: 'x' }, all, 'of 2 sensors, a page at a time'],
  ['that there is none', { ...page, alarms: [] }, all, 'no open alarm'],
  ['that none matches', { ...page, alarms: [] }, { ...all, alarm_search: 'b' }, 'no alarm matches'],
  ['who did not answer', { ...page, processes: { silent: ['x'] } }, all, '1 other process did not'],
  ['that none is kept', { ...page, kept: false, alarms: [] }, all, 'set ALARM_RESOLVE_AFTER'],
  ['what went wrong', { message: 'a worker did not answer' }, all, 'a worker did not answer'],
])('the list of alarms says %s', (_, answer, view, expected) => {
  expect(alarmsNote(answer, view)).toContain(expected);
});

it.each([
  [{ retried: true, phase: 'running' }, 'running again'],
  [{ retried: true, phase: 'recovering' }, 'retried, and recovering'],
  [{ retried: false, phase: 'running' }, 'nothing to retry, it had not failed'],
] as const)('a retry that ends as %o says so', (outcome, expected) => {
  expect(retryOutcome(outcome)).toBe(expected);
});
