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
  const shown = next === null ? `${alarms.length} ${ofSensors}` : `${ofSensors}, a page at a time`;
  return `${shown}${missing}`;
}

/** Returns what became of the retry of a shard. */
export function retryOutcome({ retried, phase }) {
  if (!retried) return 'nothing to retry, it had not failed';
  return phase === 'running' ? 'running again' : `retried, and ${phase}`;
}
