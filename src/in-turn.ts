// Actions that must not overlap, in the order in which they were asked for.

/** Returns a function that runs each action once the one before has ended, whatever its end. */
export function inTurn(): <T>(action: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (action) => {
    const running = last.then(action);
    last = running.catch(() => undefined);
    return running;
  };
}
