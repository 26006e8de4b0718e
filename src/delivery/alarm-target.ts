// The port of alarm targets: Alertmanager and the webhook implement it under one contract suite.
// No code but a bound.
import type { AlarmTargetName } from '../metrics/label-values.ts';
import type { AlarmNotice } from './alarm-notice.ts';

/** Alarm records of one site, at most `noticesMax`, those of one alarm in the log's order. */
export interface AlarmGroup {
  /** Empty where ids name no site. */
  readonly site: string;
  readonly notices: readonly AlarmNotice[];
}

export type PostOutcome =
  | { readonly type: 'delivered' }
  /** The target will never take this group. */
  | { readonly type: 'refused'; readonly reason: string }
  /** Nobody knows, or not now: try again, not before `retryAfterMs`. */
  | { readonly type: 'failed'; readonly reason: string; readonly retryAfterMs: number };

export interface AlarmTarget {
  readonly name: AlarmTargetName;
  /**
   * Resolves with what became of it; never rejects because of the target or the network. A group
   * without records tests the target.
   */
  post(group: AlarmGroup, signal: AbortSignal): Promise<PostOutcome>;
}

/** Bounds a request: some 300 kB. */
export const noticesMax = 500;
