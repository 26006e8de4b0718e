// Commands on one sensor and on its alarms, for the dialog of the sensor and for the list of alarms.
import { openCommand } from './command-dialog.js';
import { at, element } from './elements.js';

const sensorCommands = [
  ['quarantine', 'Quarantine', 'Its readings become dead letters until it is released.'],
  ['release', 'Release', 'Its readings are folded again, with the baseline from before.'],
  [
    'reset',
    'Reset baseline',
    'Its baseline starts over; no reading is flagged until it has warmed.',
  ],
];
const acknowledge = [
  'acknowledge',
  'Acknowledge',
  'Somebody knows of its open alarms. One that gets twice as severe takes that back.',
];
const mute = [
  'mute',
  'Mute',
  'Its alarms open and end as before, and their records say that it is muted.',
];
const unmute = ['unmute', 'Unmute', 'Its alarms notify again.'];
const lengths = [
  ['1h', '1 hour'],
  ['8h', '8 hours'],
  ['24h', '24 hours'],
  ['7d', '7 days'],
  ['', 'a time'],
];

/** Offers the commands for the sensor `id`; those on alarms where it has any kept. */
export function offerCommands(id, alarms) {
  const { open = [], muted_until: until = null } = alarms ?? {};
  const told = (text) => (at('sensor-command-note').textContent = text);
  at('sensor-commands').replaceChildren(
    ...sensorCommands.map((command) => commandButton(id, command, told)),
    ...(open.length > 0 ? [commandButton(id, acknowledge, told)] : []),
    ...(alarms === undefined ? [] : [muteButton(id, until, told)]),
  );
}

/** Returns the buttons for an alarm; `told` is called with what became of a command. */
export function alarmButtons({ sensor_id: id, acknowledged, muted_until: until }, told) {
  const known = acknowledged ? [] : [commandButton(id, acknowledge, told)];
  return [...known, muteButton(id, until, told)];
}

function muteButton(id, mutedUntilMs, told) {
  const isMuted = mutedUntilMs !== null && mutedUntilMs > Date.now();
  return commandButton(id, isMuted ? unmute : mute, told);
}

function commandButton(id, [name, text, effect], told) {
  const label = `${text} ${id}`;
  const button = element('button', { text: `${text}…`, type: 'button', 'aria-label': `${label}…` });
  button.addEventListener('click', () => {
    const end = name === 'mute' ? muteEnd() : undefined;
    openCommand({
      ...{ title: `${label}?`, effect, path: `/sensors/${encodeURIComponent(id)}/${name}` },
      ...(end === undefined ? {} : { fields: end.fields, bodyOf: end.body }),
      told({ shards }) {
        const isChanged = shards.some((shard) => shard.changed);
        told(`${label}: ${isChanged ? 'committed' : 'committed; nothing was to be changed'}.`);
      },
    });
  });
  return button;
}

/** Returns the fields that ask for the end of a mute, and the body that they say. */
function muteEnd() {
  const options = lengths.map(([value, text]) => element('option', { value, text }));
  const length = element('select', {}, ...options);
  const until = element('input', { type: 'datetime-local' });
  const untilField = element('label', {}, 'Until ', until);
  untilField.hidden = true;
  length.addEventListener('change', () => {
    untilField.hidden = length.value !== '';
    until.required = length.value === '';
  });
  return {
    fields: [element('label', {}, 'For ', length), untilField],
    body: () =>
      length.value === '' ? { until: new Date(until.value).toISOString() } : { for: length.value },
  };
}
