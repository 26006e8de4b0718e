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
