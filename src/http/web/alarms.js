// The open alarms of all processes as a list, with the commands on them. The server filters and
// pages; an alarm of another process is acknowledged and muted on the page of that process.
import { at, drawRows, element, say } from './elements.js';
import { alarmText, alarmsNote } from './operator-text.js';
import { refreshedList } from './refreshed-list.js';
import { alarmButtons } from './sensor-commands.js';
import { sensorLink } from './sensor-table.js';
import { alarmStates, alarmsUrl } from './view.js';

const alarmsShown = 10;
const refreshMs = 2_000;
const typingMs = 200;

/** Returns the list of the alarms in the view. */
export function alarmList(navigation) {
  connectTools(navigation);
  return refreshedList({
    refreshMs,
    url: () => alarmsUrl(navigation.view(), alarmsShown),
    draw: (answer) => draw(answer, navigation),
  });
}

/** Shows the view in the tools above the list. */
export function showAlarmTools(view) {
  at('alarm-state').value = view.alarms;
  if (document.activeElement !== at('alarm-search')) at('alarm-search').value = view.alarm_search;
}

function connectTools(navigation) {
  let typing;
  const options = alarmStates.map(([value, text]) => element('option', { value, text }));
  at('alarm-state').replaceChildren(...options);
  at('alarm-tools').addEventListener('submit', (event) => event.preventDefault());
  at('alarm-state').addEventListener('change', () =>
    navigation.go({ alarms: at('alarm-state').value }),
  );
  at('alarm-search').addEventListener('input', () => {
    clearTimeout(typing);
    const change = { alarm_search: at('alarm-search').value };
    typing = setTimeout(() => navigation.go(change), typingMs);
  });
  at('first-alarms').addEventListener('click', () => navigation.go({ alarm_cursor: '' }));
  at('next-alarms').addEventListener('click', () => {
    navigation.go({ alarm_cursor: at('next-alarms').dataset.cursor });
    at('alarms-title').focus();
  });
}

function draw(answer, navigation) {
  const view = navigation.view();
  say('alarms-note', alarmsNote(answer, view));
  const { alarms = [], next = null, kept = true } = answer;
  at('alarm-tools').hidden = !kept;
  at('alarm-pages').hidden = next === null && view.alarm_cursor === '';
  at('first-alarms').disabled = view.alarm_cursor === '';
  at('next-alarms').disabled = next === null;
  at('next-alarms').dataset.cursor = next ?? '';
  // What is known stays while the program does not answer.
  if (answer.alarms === undefined) return;
  const rows = alarms.map((alarm) => [
    `${alarm.sensor_id} ${alarm.alarm_id}`,
    alarmRow(navigation, alarm),
  ]);
  drawRows(at('alarm-rows'), rows);
}

function alarmRow(navigation, alarm) {
  const { sensor_id: id, process } = alarm;
  const { name, tone, facts } = alarmText(alarm, Date.now());
  const told = (text) => say('alarm-command-note', text);
  const elsewhere = new URL(`/?${new URLSearchParams({ sensor: id })}`, process ?? location.href);
  return element(
    'li',
    {},
    process === null
      ? sensorLink(navigation, id)
      : element('a', { text: id, href: elsewhere.href, class: 'link' }),
    element('span', { text: name, class: 'pill', 'data-tone': tone }),
    element('span', { text: facts, class: 'quiet' }),
    ...(process === null
      ? [element('span', { class: 'actions' }, ...alarmButtons(alarm, told))]
      : [element('span', { text: `on ${process}`, class: 'quiet actions' })]),
  );
}
