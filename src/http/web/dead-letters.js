// The newest dead letters: why each record was refused, where it entered, and how its value begins.
import { at, drawRows, element, say } from './elements.js';
import { letterText, lettersNote, reasonChoices } from './operator-text.js';
import { refreshedList } from './refreshed-list.js';

const lettersShown = 20;
const refreshMs = 10_000;

/** Returns the list of the reason in the view. */
export function deadLetterList(navigation) {
  at('letter-tools').addEventListener('submit', (event) => event.preventDefault());
  at('letter-reason').addEventListener('change', () =>
    navigation.go({ letters: at('letter-reason').value }),
  );
  return refreshedList({
    refreshMs,
    url: () => lettersUrl(navigation.view().letters),
    draw: (answer) => draw(answer, navigation.view().letters),
  });
}

function lettersUrl(reason) {
  const parameters = new URLSearchParams({ limit: lettersShown });
  if (reason !== '') parameters.set('reason', reason);
  return `/dead-letters?${parameters}`;
}

function draw(answer, reason) {
  say('letters-note', lettersNote(answer, reason));
  // What is known stays while the program does not answer.
  if (answer.letters === undefined) return;
  const choices = reasonChoices(answer.counts, reason);
  const drawn = JSON.stringify(choices);
  if (at('letter-reason').dataset.drawn !== drawn) {
    at('letter-reason').dataset.drawn = drawn;
    const options = choices.map(([value, text]) => element('option', { value, text }));
    at('letter-reason').replaceChildren(...options);
  }
  at('letter-reason').value = reason;
  at('letter-tools').hidden = choices.length === 1;
  at('letters-replay').hidden = answer.letters.length === 0;
  const rows = answer.letters.map((letter) => {
    const { offset, partition } = letter.dead_letter;
    return [`${partition}/${offset}`, letterRow(letter)];
  });
  drawRows(at('letter-rows'), rows);
}

function letterRow(letter) {
  const { facts, value } = letterText(letter);
  return element(
    'li',
    {},
    element('span', { text: letter.reason, class: 'pill', 'data-tone': 'wait' }),
    element('span', { text: facts, class: 'quiet' }),
    element('p', { text: letter.message, class: 'whole' }),
    element('code', { text: value, class: 'whole' }),
  );
}
