// The types of view.js, for its tests.
export interface PageView {
  readonly search: string;
  readonly filter: string;
  readonly sort: string;
  readonly shard: string;
  readonly cursor: string;
  readonly sensor: string;
  readonly range: string;
  readonly alarms: string;
  readonly alarm_search: string;
  readonly alarm_cursor: string;
  readonly letters: string;
}

export const sorts: readonly (readonly [value: string, text: string])[];
export const filters: readonly (readonly [value: string, text: string])[];
export const alarmStates: readonly (readonly [value: string, text: string])[];
export function viewOf(query: string): PageView;
export function urlOf(view: PageView): string;
export function changedView(view: PageView, change: Partial<PageView>): PageView;
export function listUrl(view: PageView, limit: number): string;
export function alarmsUrl(view: PageView, limit: number): string;
