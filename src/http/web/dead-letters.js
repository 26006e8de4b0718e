// The newest dead letters: why each record was refused, where it entered, and how its value begins.
import { at, drawRows, element, say } from './elements.js';
import { letterText, lettersNote, reasonChoices } from './operator-text.js';

const lettersShown = 20;
const refreshMs = 10_000;

/** Returns the list; `tick` asks again once the last answer is some seconds old. */
export function deadLetterList(navigation) {
  let asked = 0;
  let answeredMs = -Infinity;
  const refresh = async () => {
    const question = (asked += 1);
    answeredMs = performance.now();
    const answer = await fetchLetters(navigation.view().letters);
    // An answer to an earlier question must not replace that of a later one.
    if (question !== asked) return;
    answeredMs = performance.now();
    draw(answer, navigation.view().letters);
  };
  at('letter-tools').addEventListener('submit', (event) => event.preventDefault());
  at('letter-reason').addEventListener('change', () =>
    navigation.go({ letters: at('letter-reason').value }),
  );
  return {
    refresh,
    tick: () => (performance.now() - answeredMs >= refreshMs ? refresh() : undefined),
  };
}

async function fetchLetters(reason) {
  const parameters = new URLSearchParams({ limit: lettersShown });
  if (reason !== '') parameters.set('reason', reason);
  try {
    const response = await fetch(`/dead-letters?${parameters}`);
    return await response.json();
  } catch {
    return { message: 'the program does not answer' };
  }
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
