// The view of the page and its URL: each view has an address that can be kept and sent. Pure, for
// tests.
import { isRange } from './chart-data.js';

export const sorts = [
  ['id', 'Name, A to Z'],
  ['-id', 'Name, Z to A'],
  ['-anomalies', 'Most anomalies now'],
  ['-mean', 'Highest baseline'],
  ['mean', 'Lowest baseline'],
  ['-std_dev', 'Widest baseline'],
  ['-readings', 'Most readings'],
  ['readings', 'Fewest readings'],
];
export const filters = [
  ['', 'All'],
  ['alarmed', 'Alarmed'],
  ['silent', 'Silent'],
  ['quarantined', 'Quarantined'],
];
export const alarmStates = [
  ['open', 'All open'],
  ['unacknowledged', 'Not acknowledged'],
  ['acknowledged', 'Acknowledged'],
  ['muted', 'Muted'],
];

const defaults = {
  search: '',
  filter: '',
  sort: 'id',
  shard: '',
  cursor: '',
  sensor: '',
  range: '1h',
  alarms: 'open',
  alarm_search: '',
  alarm_cursor: '',
  letters: '',
};
const oneOf = { sort: sorts, filter: filters, alarms: alarmStates };

/** Returns the view that the query string of a URL names; what it does not know is left out. */
export function viewOf(query) {
  const parameters = new URLSearchParams(query);
  const view = { ...defaults };
  for (const name of Object.keys(defaults)) {
    const value = parameters.get(name);
    if (value === null) continue;
    const known = oneOf[name];
    if (name === 'range' && !isRange(value)) continue;
    if (known === undefined || known.some(([each]) => each === value)) view[name] = value;
  }
  return view;
}

/** Returns the URL of the view: only what differs from the plain page. */
export function urlOf(view) {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(defaults)) {
    if (view[name] !== value) parameters.set(name, view[name]);
  }
  const query = parameters.toString();
  return query === '' ? '/' : `/?${query}`;
}

/** Returns the view after a change; a change of the search begins at its first page. */
export function changedView(view, change) {
  const isSearch = ['search', 'filter', 'sort', 'shard'].some((name) => name in change);
  const isAlarmSearch = ['alarms', 'alarm_search'].some((name) => name in change);
  return {
    ...view,
    ...(isSearch ? { cursor: '' } : {}),
    ...(isAlarmSearch ? { alarm_cursor: '' } : {}),
    ...change,
  };
}

/** Returns the URL of the list that the view shows. */
export function listUrl(view, limit) {
  const { search, filter, sort, shard, cursor } = view;
  const parameters = new URLSearchParams({ sort, limit, windows: 'true' });
  for (const [name, value] of Object.entries({ search: search.trim(), filter, shard, cursor })) {
    if (value !== '') parameters.set(name, value);
  }
  return `/sensors?${parameters}`;
}

/** Returns the URL of the alarms that the view shows. */
export function alarmsUrl({ alarms, alarm_search: search, alarm_cursor: cursor }, limit) {
  const parameters = new URLSearchParams({ state: alarms, limit });
  for (const [name, value] of Object.entries({ search: search.trim(), cursor })) {
    if (value !== '') parameters.set(name, value);
  }
  return `/alarms?${parameters}`;
}
