// One page of sensors over all processes of the group, as `GET /sensors` answers it. Equal
// questions within a second share an answer, so that many open pages cost as much as one.
import { mergedPage } from '../actors/search-shards.ts';
import type { PlacedSensor, SensorPage, SensorSearch } from '../actors/protocol.ts';
import type { RecentWindow } from '../projections/recent-windows.ts';
import type { FeatureStore } from '../stores/feature-store.ts';
import type { SensorOwners } from '../supervisor/sensor-owners.ts';
import type { SupervisorView } from '../supervisor/supervisor-view.ts';
import { askOthers } from './other-processes.ts';
import { cursorAfter } from './sensor-query.ts';
import { toldToClients } from './unanswerable.ts';

export interface ListedEverywhere extends PlacedSensor {
  /** URL of the process that holds it; null for the one that answers. */
  readonly process: string | null;
}

/** The last closed window of a sensor as the feature store has it, and the windows before it. */
export interface SensorWindows {
  readonly window_end: number | null;
  readonly features: Readonly<Record<string, number | null>> | null;
  readonly windows: readonly RecentWindow[];
}

export interface SensorsAnswer {
  /** The ids of `items`. */
  readonly sensors: readonly string[];
  readonly limit: number;
  /** Sensors of all processes that answered, whether they match or not. */
  readonly total: number;
  readonly matching: number;
  readonly next: string | null;
  readonly items: readonly (ListedEverywhere & Partial<SensorWindows>)[];
  readonly processes: { readonly answered: number; readonly silent: readonly string[] };
}

export interface ListingParts {
  readonly supervisor: Pick<SupervisorView, 'sensors' | 'tree' | 'windows'>;
  readonly owners: Pick<SensorOwners, 'urlsOfAll'>;
  readonly featureStore: Pick<FeatureStore, 'read'>;
  /** For questions to other processes. */
  readonly readToken: string | undefined;
  readonly monotonicMs: () => number;
}

export interface ListingQuestion {
  readonly search: SensorSearch;
  /** The query string, for the other processes; undefined asks none. */
  readonly everywhere: string | undefined;
  readonly windows: boolean;
}

const sharedMs = 1_000;
const sharedMax = 64;

export class SensorListing {
  readonly #parts: ListingParts;
  readonly #shared = new Map<string, { answer: Promise<SensorsAnswer>; askedMs: number }>();

  constructor(parts: ListingParts) {
    this.#parts = parts;
  }

  /** @throws UnavailableError if a worker of this process did not answer. */
  answer(question: ListingQuestion): Promise<SensorsAnswer> {
    const nowMs = this.#parts.monotonicMs();
    const key = JSON.stringify(question);
    const known = this.#shared.get(key);
    if (known !== undefined && nowMs - known.askedMs < sharedMs) return known.answer;
    this.#shared.delete(key);
    for (const [oldest] of this.#shared) {
      if (this.#shared.size < sharedMax) break;
      this.#shared.delete(oldest);
    }
    const answer = this.#ask(question);
    this.#shared.set(key, { answer, askedMs: nowMs });
    answer.catch(() => this.#shared.delete(key));
    return answer;
  }

  async #ask({ search, everywhere, windows }: ListingQuestion): Promise<SensorsAnswer> {
    const { owners, readToken, supervisor } = this.#parts;
    const urls = everywhere === undefined ? [] : await owners.urlsOfAll();
    const [own, others] = await Promise.all([
      supervisor.sensors(search),
      askOthers(urls, `/sensors?${everywhere ?? ''}`, readToken),
    ]);
    const answers = others.answers.flatMap(({ url, body }) => remotePage(url, body) ?? []);
    const here = own.sensors.map((sensor) => ({ ...sensor, process: null }));
    const pages = [{ sensors: here, matching: own.matching }, ...answers];
    const page = mergedPage<ListedEverywhere>(pages, search);
    const ids = page.sensors.map((sensor) => sensor.sensor_id);
    const shown = windows ? await this.#windowsOf(ids) : [];
    const ownTotal = supervisor.tree().totals.sensors;
    return {
      sensors: ids,
      limit: search.limit,
      total: answers.reduce((sum, { total }) => sum + total, ownTotal),
      matching: page.matching,
      next: cursorAfter(page, search),
      items: page.sensors.map((sensor, index) => ({ ...sensor, ...shown[index] })),
      processes: { answered: 1 + answers.length, silent: others.silent },
    };
  }

  /** Leaves out windows that cannot be read now: the list itself is worth showing. */
  async #windowsOf(ids: readonly string[]): Promise<readonly SensorWindows[]> {
    const { featureStore, supervisor } = this.#parts;
    const [rows, windows] = await Promise.all([
      featureStore.read(ids).catch(nothingIfAway),
      supervisor.windows(ids).catch(nothingIfAway),
    ]);
    return ids.map((_, index) => ({
      window_end: rows[index]?.eventTimeMs ?? null,
      features: rows[index]?.values ?? null,
      windows: windows[index] ?? [],
    }));
  }
}

function nothingIfAway(error: unknown): readonly [] {
  if (toldToClients(error) !== undefined) return [];
  throw error;
}

type RemotePage = SensorPage & {
  readonly sensors: readonly ListedEverywhere[];
  readonly total: number;
};

/** Undefined where the process is of a version that lists ids alone. */
function remotePage(url: string, body: unknown): RemotePage | undefined {
  const { items, matching, total } = body as Partial<SensorsAnswer>;
  if (!Array.isArray(items) || matching === undefined || total === undefined) return undefined;
  const sensors = (items as SensorsAnswer['items']).map((item) => ({ ...item, process: url }));
  return { sensors, matching, total };
}
