// Alarms, dead letters and failed shards, in the words an operator reads. Pure, for tests.
import { formatNumber } from './model.js';

const causes = { reading: 'unusual readings', silent: 'silent', stuck: 'stuck' };
const time = (timeMs) => new Date(timeMs).toLocaleString('en-GB');

/** Returns an open alarm's name, its tone, and what is known of it. */
export function alarmText(alarm, nowMs) {
  const { acknowledged, cause, channel } = alarm;
  const name = cause === 'reading' && channel !== 'reading' ? channel : (causes[cause] ?? cause);
  const tone = isMuted(alarm, nowMs) ? 'off' : acknowledged ? 'wait' : 'bad';
  return { name, tone, facts: factsOf(alarm, nowMs).join(' · ') };
}

/** Returns an open alarm of a sensor in one line. */
export function alarmWords(alarm, nowMs) {
  const { name, facts } = alarmText(alarm, nowMs);
  return `${name}, ${facts}`;
}

function factsOf(alarm, nowMs) {
  const { acknowledged, opened_at: openedMs, muted_until: untilMs, score } = alarm;
  return [
    `since ${time(openedMs)}`,
    ...(score === null ? [] : [`score ${formatNumber(score)}`]),
    ...(acknowledged ? ['acknowledged'] : []),
    ...(isMuted(alarm, nowMs) ? [`muted until ${time(untilMs)}`] : []),
  ];
}

function isMuted({ muted_until: untilMs }, nowMs) {
  return untilMs !== null && untilMs > nowMs;
}

/** Returns the headline of the list of alarms. */
export function alarmsNote(answer, { alarms: state, alarm_search: search }) {
  if (answer.alarms === undefined) return answer.message;
  if (!answer.kept) return 'not kept here: set ALARM_RESOLVE_AFTER';
  const { alarms, next, processes, sensors } = answer;
  const { silent } = processes;
  const missing =
    silent.length === 0
      ? ''
      : `; ${silent.length} other process${silent.length === 1 ? '' : 'es'} did not answer`;
  if (alarms.length === 0) {
    const isAll = state === 'open' && search.trim() === '';
    return `${isAll ? 'no open alarm' : 'no alarm matches'}${missing}`;
  }
  const ofSensors = `of ${formatNumber(sensors)} sensor${sensors === 1 ? '' : 's'}`;
  const shown = `${alarms.length}${next === null ? '' : ' shown,'} ${ofSensors}`;
  return `${shown}${missing}`;
}

/** Returns what became of the retry of a shard. */
export function retryOutcome({ retried, phase }) {
  if (!retried) return 'nothing to retry, it had not failed';
  return phase === 'running' ? 'running again' : `retried, and ${phase}`;
}

/** Returns where and when a record was refused, and how its value begins. */
export function letterText({ topic, partition, offset, time: timeMs, key, value, value_bytes }) {
  const ofKey = key === null ? '' : ` · key ${key}`;
  const bytes = value === null ? '' : ` · ${formatNumber(value_bytes)} bytes`;
  return {
    facts: `${topic} / ${partition}, offset ${offset} · ${time(timeMs)}${ofKey}${bytes}`,
    value: value ?? 'no value',
  };
}

/** Returns the headline of the list of dead letters. */
export function lettersNote(answer, reason) {
  if (answer.letters === undefined) return answer.message;
  const { counts, letters, not_ours: notOurs, unread } = answer;
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const older = unread > 0 ? `; ${formatNumber(unread)} older or unread records` : '';
  const others = notOurs > 0 ? `; ${formatNumber(notOurs)} written by other programs` : '';
  if (total === 0) return `none${others}${older}`;
  const matching = reason === '' ? total : (counts[reason] ?? 0);
  const shown = letters.length === matching ? '' : `, the newest ${letters.length} shown`;
  return `${formatNumber(matching)}${reason === '' ? '' : ` ${reason}`}${shown}${others}${older}`;
}

/** Returns the reasons to choose from, the most frequent first; one that is chosen stays. */
export function reasonChoices(counts, chosen) {
  const known = chosen === '' || chosen in counts ? counts : { ...counts, [chosen]: 0 };
  const byCount = Object.entries(known).sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  return [
    ['', 'All reasons'],
    ...byCount.map(([reason, count]) => [reason, `${reason} (${formatNumber(count)})`]),
  ];
}
