// The types of model.js, for its tests: the page is plain JavaScript, served without a build.
import type { QuarantineView } from '../../actors/protocol.ts';
import type { SensorsAnswer } from '../sensor-listing.ts';
import type { FeatureFacts } from '../routes/features.ts';
import type { Anomaly } from '../../codecs/anomaly.ts';
import type { SensorEvent } from '../../codecs/sensor-event.ts';
import type { LearnedInspection, PresenceInspection } from '../../sensors/inspection.ts';
import type { RecentAnomaly } from '../../projections/recent-anomalies.ts';
import type { Readiness, SupervisorTree } from '../../supervisor/supervisor-view.ts';

export interface StatusEvent {
  readonly tree: SupervisorTree;
  readonly readiness: Readiness;
}

export interface PageModel {
  windows: Map<string, (readonly [endMs: number, value: number | null, anomalies: number])[]>;
  /** Declarations by name. */
  readonly features: Map<string, FeatureFacts>;
  columns: string[];
  listed: SensorsAnswer | undefined;
  rate: number | undefined;
  last: StatusEvent | undefined;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

export const windowsKept: number;
export function emptyModel(): PageModel;
export function takeStatus(model: PageModel, event: StatusEvent): void;
export function takeSensors(model: PageModel, answer: SensorsAnswer): void;
export function listNote(answer: SensorsAnswer, isSearch: boolean): string;
export function takeFeatures(
  model: PageModel,
  answer: { readonly features: readonly FeatureFacts[] },
): void;
export function heading(
  model: PageModel,
  name: string,
): { readonly text: string; readonly unit: string; readonly title: string };
export function drawnFeature(model: PageModel): string | undefined;
export function quarantined(tree: SupervisorTree): {
  readonly total: number;
  readonly sensors: readonly {
    readonly id: string;
    readonly reason: string;
    readonly place: string;
  }[];
};
export function quarantineReason(quarantine: Pick<QuarantineView, 'cause' | 'message'>): string;
export function sparkline(
  values: readonly number[],
  box: { readonly width: number; readonly height: number; readonly padding: number },
): { readonly path: string; readonly points: readonly Point[] };
export function firstWindow(
  tree: SupervisorTree,
): { readonly seconds: number; readonly done: number } | undefined;
export function formatNumber(value: number | null | undefined): string;
export function formatFeature(
  model: PageModel,
  name: string,
  value: number | null | undefined,
): string;
export function knownAge(
  shard: { readonly knownAtMs: number | null },
  nowMs: number,
): number | undefined;
export function totalsAge(tree: SupervisorTree): number | undefined;
export function formatDuration(seconds: number): string;
export function flagReason(
  record: Omit<Anomaly, 'sensor_id' | 'timestamp'> | Pick<SensorEvent, 'kind' | 'explanation'>,
): string;
export function learnedText(learned: LearnedInspection): string;
export function lastHeard(presence: PresenceInspection): string;
export function noFlags(sensor: {
  readonly anomaly_events: 'alarms' | 'all' | 'off';
  readonly anomalies: readonly RecentAnomaly[] | null;
}): string;
