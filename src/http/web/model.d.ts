// The types of model.js, for its tests: the page is plain JavaScript, served without a build.
import type { QuarantineView } from '../../actors/protocol.ts';
import type { FeatureRow } from '../../codecs/feature-row.ts';
import type { FeatureFacts } from '../routes/features.ts';
import type { RecentAnomaly } from '../../projections/recent-anomalies.ts';
import type { Readiness, SupervisorTree } from '../../supervisor/supervisor-view.ts';

export interface StatusEvent {
  readonly tree: SupervisorTree;
  readonly readiness: Readiness;
  readonly rows: readonly FeatureRow[];
}

export interface PageModel {
  readonly sensors: Map<string, FeatureRow[]>;
  /** Declarations by name. */
  readonly features: Map<string, FeatureFacts>;
  columns: string[];
  rate: number | undefined;
  last: StatusEvent | undefined;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

export const windowsKept: number;
export function emptyModel(): PageModel;
export function takeStatus(model: PageModel, event: StatusEvent): Set<string>;
export function takeFeatures(
  model: PageModel,
  answer: { readonly features: readonly FeatureFacts[] },
): void;
export function heading(
  model: PageModel,
  name: string,
): { readonly text: string; readonly unit: string; readonly title: string };
export function drawnFeature(model: PageModel): string | undefined;
export function isAnomalous(row: FeatureRow): boolean;
export function anomaliesNow(model: PageModel): number;
export function quarantined(tree: SupervisorTree): {
  readonly total: number;
  readonly sensors: readonly {
    readonly id: string;
    readonly reason: string;
    readonly place: string;
  }[];
};
export function quarantineReason(quarantine: Pick<QuarantineView, 'cause' | 'message'>): string;
export function visibleSensors(
  model: PageModel,
  options: { readonly filter: string; readonly onlyAnomalous: boolean },
): string[];
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
export function flagReason(anomaly: Omit<RecentAnomaly, 'timestamp' | 'lineage'>): string;
export function noFlags(sensor: {
  readonly anomaly_events: 'alarms' | 'all' | 'off';
  readonly anomalies: readonly RecentAnomaly[] | null;
}): string;
