// Creates elements from text and attributes; text is never parsed as markup.

export const at = (id) => document.getElementById(id);

/** Sets the text of the element `id`. Screen readers announce every change, so only a change. */
export function say(id, text) {
  if (at(id).textContent !== text) at(id).textContent = text;
}

export function element(tag, { text, ...attributes } = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  made.append(...children);
  return made;
}

/**
 * Shows `rows` (key, element) in `list` in their order. A row that looks the same stays the element
 * that it was, so a list that is drawn every second takes no focus and no click away.
 */
export function drawRows(list, rows) {
  const before = new Map([...list.children].map((child) => [child.dataset.key, child]));
  const shown = rows.map(([key, made]) => {
    made.dataset.key = key;
    const old = before.get(key);
    if (old === undefined) return made;
    if (old.outerHTML === made.outerHTML) return old;
    const place = [...old.querySelectorAll('a, button')].indexOf(document.activeElement);
    old.replaceWith(made);
    if (place >= 0) (made.querySelectorAll('a, button')[place] ?? made.querySelector('a'))?.focus();
    return made;
  });
  const isSame =
    shown.length === list.childElementCount && shown.every((row, i) => list.children[i] === row);
  if (!isSame) list.replaceChildren(...shown);
}
