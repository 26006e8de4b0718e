// Alarms, dead letters and failed shards, in words.
import { describe, expect, it } from 'vitest';

import {
  alarmsNote,
  alarmText,
  lettersNote,
  letterText,
  reasonChoices,
  retryOutcome,
  type AlarmsAnswer,
  type LettersAnswer,
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
  ['that there are more', { ...page, next: 'x' }, all, '2 shown, of 2 sensors'],
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

const letter = {
  ...{ reason: 'late', message: 'its window has closed', topic: 'raw_readings', partition: 2 },
  ...{ offset: 7, time: 60_000, key: null, value: '{"a":1}', value_bytes: 7 },
  dead_letter: { partition: 0, offset: 3 },
};
const read = { counts: { late: 2, value_type: 1 }, not_ours: 0, unread: 0, letters: [letter] };

describe('a dead letter', () => {
  it('says where its record entered, when, and how its value begins', () => {
    expect(letterText(letter)).toEqual({
      ...{ facts: `raw_readings / 2, offset 7 · ${when(60_000)} · 7 bytes`, value: '{"a":1}' },
    });
    expect(letterText({ ...letter, key: 'pump', value: null })).toEqual({
      ...{ facts: `raw_readings / 2, offset 7 · ${when(60_000)} · key pump`, value: 'no value' },
    });
  });

  it('can be chosen by its reason, the most frequent first', () => {
    expect(reasonChoices({ b: 1, late: 2, a: 1 }, 'gone').map(([reason]) => reason)).toEqual([
      ...['', 'late', 'a', 'b', 'gone'],
    ]);
  });
});

it.each<[string, LettersAnswer, string, string]>([
  ['how many there are', read, '', '3, the newest 1 shown'],
  ['how many of the reason', read, 'value_type', '1 value_type'],
  ['that there is none', { ...read, counts: {}, letters: [] }, '', 'none'],
  ['what was not read', { ...read, unread: 9, not_ours: 4 }, 'value_type', '9 older or unread'],
  ['what went wrong', { message: 'the log is away' }, '', 'the log is away'],
])('the list of dead letters says %s', (_, answer, reason, expected) => {
  expect(lettersNote(answer, reason)).toContain(expected);
});
