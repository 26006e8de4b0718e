// One dialog for every command that changes something: what it will do, what else it needs, and the
// token, which stays in the page's memory and nowhere else.
import { at, say } from './elements.js';

/**
 * Opens the dialog. `effect` says what the command does; `fields` are elements that ask for more,
 * `bodyOf` and `queryOf` return what they say. The dialog stays open while the server refuses;
 * once it is done, `told` is called with the answer.
 */
export function openCommand(command) {
  const { title, effect, fields = [], takesReason = true } = command;
  at('command-title').textContent = title;
  at('command-effect').textContent = effect;
  at('command-fields').replaceChildren(...fields);
  at('command-reason').parentElement.hidden = !takesReason;
  at('command-reason').value = '';
  say('command-problem', '');
  at('command-cancel').onclick = () => at('command').close();
  at('command-form').onsubmit = (event) => {
    event.preventDefault();
    void confirm(command);
  };
  at('command').showModal();
  const first = fields[0]?.querySelector('select, input') ?? at('command-reason');
  (takesReason || fields.length > 0 ? first : at('command-token')).focus();
}

async function confirm(command) {
  const button = at('command-send');
  if (button.disabled) return;
  button.disabled = true;
  say('command-problem', '');
  const { answer, problem } = await send(command);
  button.disabled = false;
  if (problem !== undefined) return say('command-problem', problem);
  at('command').close();
  command.told(answer);
}

async function send({ path, bodyOf = () => ({}), queryOf = () => ({}), takesReason = true }) {
  const reason = at('command-reason').value.trim();
  const query = new URLSearchParams(queryOf());
  if (takesReason && reason !== '') query.set('reason', reason);
  const headers = { authorization: `Bearer ${at('command-token').value}` };
  const body = JSON.stringify(bodyOf());
  const url = query.size === 0 ? path : `${path}?${query}`;
  try {
    const response = await fetch(url, {
      ...{ method: 'POST', headers },
      ...(body === '{}' ? {} : { body }),
    });
    const answer = await response.json();
    return response.ok ? { answer } : { problem: `Refused: ${answer.message}` };
  } catch (error) {
    return { problem: `Unknown whether it was done, try again: ${error.message}` };
  }
}
