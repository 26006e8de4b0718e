// Text for terminals and for readers of lines. Ids and values come from whoever may write to the
// input: a terminal acts on control characters in them, a line break forges a line, a bidirectional
// mark shows a text in another order.
const hidden = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
const hiddenInLines = /(?![\n\t])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** Returns `text` in one line, with everything invisible as JSON escapes it: \u001b. */
export function visible(text: string): string {
  return text.replace(hidden, escaped);
}

/** The same for text of several lines: line breaks and tabs stay. JSON keeps its meaning. */
export function visibleLines(text: string): string {
  return text.replace(hiddenInLines, escaped);
}

function escaped(character: string): string {
  return Array.from(
    { length: character.length },
    (_, index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`,
  ).join('');
}
