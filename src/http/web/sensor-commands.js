// Commands on the sensor in the dialog. Each is confirmed together with the token, which stays in
// the page's memory and nowhere else.
import { at, element } from './elements.js';

const commands = [
  ['quarantine', 'Quarantine', 'Its readings become dead letters until it is released.'],
  ['release', 'Release', 'Its readings are folded again, with the baseline from before.'],
  [
    'reset',
    'Reset baseline',
    'Its baseline starts over; no reading is flagged until it has warmed.',
  ],
];

/** Offers the commands for the sensor `id`. */
export function offerCommands(id) {
  const buttons = commands.map(([name, text, effect]) => {
    const button = element('button', { text: `${text}…`, type: 'button' });
    button.addEventListener('click', () => confirm({ id, name, text, effect }));
    return button;
  });
  at('sensor-commands').replaceChildren(...buttons);
  at('sensor-confirm').hidden = true;
  at('sensor-command-note').textContent = '';
}

function confirm({ id, name, text, effect }) {
  at('sensor-confirm').hidden = false;
  at('sensor-confirm-text').textContent = `${text} ${id}? ${effect}`;
  at('sensor-confirm').onsubmit = (event) => event.preventDefault();
  at('sensor-cancel').onclick = () => (at('sensor-confirm').hidden = true);
  at('sensor-send').onclick = async () => {
    at('sensor-send').disabled = true;
    at('sensor-command-note').textContent = await send(id, name);
    at('sensor-send').disabled = false;
    at('sensor-confirm').hidden = true;
  };
  at('sensor-reason').focus();
}

/** Resolves with what became of the command, in words. */
async function send(id, name) {
  const reason = new URLSearchParams({ reason: at('sensor-reason').value });
  const headers = { authorization: `Bearer ${at('sensor-token').value}` };
  const url = `/sensors/${encodeURIComponent(id)}/${name}?${reason}`;
  try {
    const response = await fetch(url, { method: 'POST', headers });
    const answer = await response.json();
    if (!response.ok) return `Refused: ${answer.message}`;
    const changed = answer.shards.some((shard) => shard.changed);
    return changed ? `Committed: ${name}.` : 'Committed; nothing was to be changed.';
  } catch (error) {
    return `Unknown whether it was committed, try again: ${error.message}`;
  }
}
