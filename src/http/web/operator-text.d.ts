// The types of operator-text.js, for its tests.
import type { ShardRetryOutcome } from '../../actors/protocol.ts';
import type {
  RecentDeadLetter,
  RecentDeadLettersView,
} from '../../projections/recent-dead-letters.ts';
import type { OpenAlarm } from '../../sensors/alarm-inspection.ts';
import type { PageView } from './view.js';

export type ShownAlarm = Pick<
  OpenAlarm,
  'acknowledged' | 'cause' | 'channel' | 'opened_at' | 'score'
> & { readonly muted_until: number | null };

export type AlarmsAnswer =
  | { readonly alarms?: undefined; readonly message: string }
  | {
      readonly kept: boolean;
      readonly alarms: readonly object[];
      readonly sensors: number;
      readonly next: string | null;
      readonly processes: { readonly silent: readonly string[] };
    };

export function alarmText(
  alarm: ShownAlarm,
  nowMs: number,
): { readonly name: string; readonly tone: 'bad' | 'wait' | 'off'; readonly facts: string };
export function alarmWords(alarm: ShownAlarm, nowMs: number): string;
export function alarmsNote(
  answer: AlarmsAnswer,
  view: Pick<PageView, 'alarms' | 'alarm_search'>,
): string;
export function retryOutcome(outcome: Pick<ShardRetryOutcome, 'retried' | 'phase'>): string;
export type LettersAnswer =
  { readonly letters?: undefined; readonly message: string } | RecentDeadLettersView;
export function letterText(letter: RecentDeadLetter): {
  readonly facts: string;
  readonly value: string;
};
export function lettersNote(answer: LettersAnswer, reason: string): string;
export function reasonChoices(
  counts: Readonly<Record<string, number>>,
  chosen: string,
): readonly (readonly [value: string, text: string])[];
