// A list that the server answers. It is asked for again when its view changes, and once the last
// answer is some seconds old.

/** Returns the list: `url()` is what to ask, `draw(answer)` shows the answer or its `message`. */
export function refreshedList({ refreshMs, url, draw }) {
  let asked = 0;
  let answeredMs = -Infinity;
  const refresh = async () => {
    const question = (asked += 1);
    answeredMs = performance.now();
    const answer = await answerOf(url());
    // An answer to an earlier question must not replace that of a later one.
    if (question !== asked) return;
    answeredMs = performance.now();
    draw(answer);
  };
  return {
    refresh,
    /** Asks again if the last answer is old. */
    tick: () => (performance.now() - answeredMs >= refreshMs ? refresh() : undefined),
  };
}

async function answerOf(url) {
  try {
    const response = await fetch(url);
    return await response.json();
  } catch {
    return { message: 'the program does not answer' };
  }
}
