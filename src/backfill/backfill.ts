// A backfill: readings of files, folded as the live shards fold, into the day files of each view.
// Files and settings alone decide the order of the rows, and the history counts those it holds. A
// backfill that was killed folds from the start again, and passes over that many rows:
//
//   check ──▶ removing ──▶ adding ──▶ done        each view's manifest holds the phase
//             │            └ rows and their count are one commit
//             └ only where rows are replaced; may be done again
import type { Clock } from '../clock.ts';
import type { FeatureRow } from '../codecs/feature-row.ts';
import { assert, ConfigError } from '../errors.ts';
import type { FeatureTopic } from '../log/topics.ts';
import type { FeatureDeclaration } from '../sensors/features.ts';
import type { DeadLetterCode } from '../sensors/reading.ts';
import type { Semantics } from '../sensors/semantics.ts';
import { windowStartMs } from '../sensors/window.ts';
import type { BackfilledHistory, BackfillMark, SensorRange } from '../stores/history-store.ts';
import { ReadingFold } from './fold-readings.ts';
import type { SortedReadings } from './sorted-readings.ts';

export interface BackfillView extends FeatureTopic {
  readonly store: BackfilledHistory;
}

export interface BackfillOptions {
  /** A hash of files, range and settings: a backfill with the id of an earlier one continues it. */
  readonly id: string;
  readonly readings: Omit<SortedReadings, 'close'>;
  /** One for each window length, the base first. */
  readonly views: readonly BackfillView[];
  readonly semantics: Semantics;
  readonly features: readonly FeatureDeclaration[];
  readonly partitions: number;
  /** Windows that end later are left out: the files lack some of their readings. */
  readonly toMs: number;
  /** From a window's end until its row counts as readable (ADR 19). */
  readonly availableAfterMs: number;
  readonly whenOverlapping: 'replace' | 'refuse';
  readonly clock: Clock;
  readonly signal: AbortSignal;
  onProgress(readings: number): void;
}

export interface BackfillReport {
  /** Whether the history held all of its rows before. */
  readonly wasDone: boolean;
  /** Rows of each view, with those that an earlier start had added. */
  readonly rows: ReadonlyMap<string, number>;
  /** The newest row of each sensor, by view. */
  readonly newest: ReadonlyMap<string, ReadonlyMap<string, FeatureRow>>;
  /** Readings that the fold refused, by reason. */
  readonly refused: ReadonlyMap<DeadLetterCode, number>;
  /** Windows that had not closed by the end. */
  readonly openWindows: number;
}

const beatIntervalMs = 10_000;
/** Shards pass the end of a day at different times: rows of a slower one still come for it. */
const closedAfterMs = 900_000;

/**
 * Adds the rows of the readings to the views' histories.
 * @throws ConfigError where a history holds rows of these sensors in their range, or another
 * backfill that is not complete; UnavailableError when the disk refuses, or on abort.
 */
export async function backfill(options: BackfillOptions): Promise<BackfillReport> {
  const { startedMs: nowMs, views } = await begunViews(options);
  const wasDone = views.every((view) => view.phase === 'done');
  const { clock, readings, signal, semantics } = options;
  const fold = new ReadingFold({
    ...{ semantics, features: options.features, partitions: options.partitions, nowMs },
    sensorIds: readings.sensorIds,
  });
  const take = async (row: FeatureRow, lengthIndex: number): Promise<void> => {
    const view = views[lengthIndex];
    assert(view !== undefined, 'every window length has a view', { lengthIndex });
    await view.take(row);
  };
  let [folded, beatMs] = [0, clock.monotonicMs()];
  for await (const block of readings.blocks()) {
    signal.throwIfAborted();
    await fold.fold(block, take);
    folded += block.count;
    options.onProgress(folded);
    if (clock.monotonicMs() - beatMs < beatIntervalMs) continue;
    for (const view of views) await view.beat();
    beatMs = clock.monotonicMs();
  }
  await fold.advance(Math.min(nowMs - semantics.watermarkDelayMs, options.toMs), take);
  for (const view of views) await view.finish();
  return {
    ...{ wasDone, refused: fold.refused, openWindows: fold.openWindows },
    rows: new Map(views.map(({ name, rows }) => [name, rows])),
    newest: new Map(views.map(({ name, newest }) => [name, newest])),
  };
}

interface Begun {
  /** When this backfill was first started. */
  readonly startedMs: number;
  readonly views: readonly ViewBackfill[];
}

/** Returns the views, each ready to take rows: checked before any of them is changed. */
async function begunViews(options: BackfillOptions): Promise<Begun> {
  const { id, readings, views, whenOverlapping } = options;
  const sensorIds = new Set(readings.sensorIds);
  const known = views
    .map(({ store }) => store.progress().backfill)
    .map((mark) => (mark?.id === id ? mark : undefined));
  const isDone = known.every((mark) => mark?.phase === 'done');
  // A complete backfill is done again only to replace its own rows.
  const marks = isDone && whenOverlapping === 'replace' ? [] : known;
  const startedMs = marks.find((mark) => mark !== undefined)?.startedMs ?? options.clock.nowMs();
  const begun: ViewBackfill[] = [];
  for (const [lengthIndex, view] of views.entries()) {
    const mark = marks[lengthIndex];
    const range = { sensorIds, ...timesOf(lengthIndex, options) };
    const phase = mark?.phase ?? (await firstPhase(view, range, whenOverlapping));
    const rows = mark?.rows ?? 0;
    begun.push(new ViewBackfill(view, { ...options, range }, { id, startedMs, phase, rows }));
  }
  for (const view of begun) await view.begin();
  return { startedMs, views: begun };
}

async function firstPhase(
  { store, view }: BackfillView,
  range: SensorRange,
  whenOverlapping: BackfillOptions['whenOverlapping'],
): Promise<'removing' | 'adding'> {
  const mark = store.progress().backfill;
  const isReplacing = whenOverlapping === 'replace';
  if (mark !== undefined && mark.phase !== 'done' && !isReplacing) {
    throw new ConfigError(
      `${view} holds a part of another backfill: run that again with the same files and ` +
        'settings, or put this one in the place of its rows with --replace',
    );
  }
  const endMs = await store.firstRowIn(range);
  if (endMs === undefined) return 'adding';
  if (isReplacing) return 'removing';
  throw new ConfigError(
    `${view} has rows of these sensors in this time already, as of ${isoOf(endMs)}: end before ` +
      'them with --to, or put the new rows in their place with --replace',
  );
}

/** Returns the times in which windows of the view end that hold a reading. */
function timesOf(
  lengthIndex: number,
  { readings, semantics: { windowMs, windows }, toMs }: BackfillOptions,
): Omit<SensorRange, 'sensorIds'> {
  const sizeMs = windows[lengthIndex - 1]?.sizeMs ?? windowMs;
  const lastEndMs = windowStartMs(readings.lastMs, windowMs) + sizeMs;
  return { fromMs: readings.firstMs, toMs: Math.min(lastEndMs, toMs) };
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString();
}

interface ViewOptions extends Pick<BackfillOptions, 'availableAfterMs' | 'signal'> {
  readonly range: SensorRange;
}

/** One view of a backfill. */
class ViewBackfill {
  /** Rows made so far. */
  rows = 0;
  readonly newest: Map<string, FeatureRow> = new Map();
  readonly name: string;
  readonly #store: BackfilledHistory;
  readonly #options: ViewOptions;
  #mark: BackfillMark;

  constructor({ store, view }: BackfillView, options: ViewOptions, mark: BackfillMark) {
    this.name = view;
    this.#store = store;
    this.#options = options;
    this.#mark = mark;
  }

  get phase(): BackfillMark['phase'] {
    return this.#mark.phase;
  }

  async begin(): Promise<void> {
    if (this.phase === 'done') return;
    await this.#commit({});
    if (this.phase !== 'removing') return;
    await this.#store.removeRows(this.#options.range);
    await this.#commit({ phase: 'adding' });
  }

  async take(row: FeatureRow): Promise<void> {
    this.newest.set(row.sensor_id, row);
    // The history holds the first `#mark.rows` rows since before a kill.
    const isNew = this.phase !== 'done' && this.rows >= this.#mark.rows;
    if (isNew && this.#store.isFull) {
      await this.#commit({ rows: this.rows });
      const closedMs = row.window_end - closedAfterMs;
      await this.#store.publish({ closedMs, when: 'due', signal: this.#options.signal });
    }
    this.rows += 1;
    if (!isNew) return;
    const availableMs = row.window_end + this.#options.availableAfterMs;
    this.#store.add({ row, createdMs: this.#mark.startedMs, availableMs });
  }

  beat(): Promise<void> {
    return this.#store.beat();
  }

  /** Readers see the rows before the backfill counts as done. */
  async finish(): Promise<void> {
    if (this.phase === 'done') return;
    await this.#commit({ rows: this.rows });
    const { range, signal } = this.#options;
    await this.#store.publish({ closedMs: range.toMs - closedAfterMs, when: 'now', signal });
    await this.#commit({ phase: 'done' });
  }

  async #commit(change: Partial<BackfillMark>): Promise<void> {
    this.#mark = { ...this.#mark, ...change };
    await this.#store.commit({ ...this.#store.progress(), backfill: this.#mark });
  }
}
