// The view and its address: a change makes an entry of the browser's history, a step back shows the
// view before. Typing replaces the entry, so that one step back leaves a search.
import { changedView, urlOf, viewOf } from './view.js';

const typed = ['search', 'alarm_search'];

/** Returns the navigation; `show(view, before)` is called for every view that is to be shown. */
export function navigate(show) {
  let view = viewOf(location.search);
  const enter = (next) => {
    const before = view;
    view = next;
    show(view, before);
  };
  return {
    view: () => view,
    /** Shows the view of the URL that was loaded. */
    begin() {
      addEventListener('popstate', () => enter(viewOf(location.search)));
      show(view, undefined);
    },
    go(change) {
      const next = changedView(view, change);
      if (urlOf(next) === urlOf(view)) return;
      const isTyping = typed.some((name) => name in change && view[name] !== '');
      if (isTyping) history.replaceState(null, '', urlOf(next));
      else history.pushState(null, '', urlOf(next));
      enter(next);
    },
  };
}
