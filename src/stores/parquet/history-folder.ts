// The history of one view in a folder. Two changes are atomic, and everything else follows from
// them:
//
//   commit   pieces are written, then the manifest is replaced by one that names them together with
//            the positions they were read up to. Pieces that no manifest names are litter.
//   publish  a day's pieces and its file are merged into a new file, which replaces the old one. Its
//            metadata names the newest piece in it (`through`), so that a kill before the manifest
//            forgets the pieces adds no row twice.
//
// Pieces of a day are merged by 32 of a level, so a publish has few files open, whatever their
// rows.
import { assert, ConfigError, FencedError, UnavailableError } from '../../errors.ts';
import type {
  BackfilledHistory,
  HistoryEntry,
  HistoryProgress,
  PublishOptions,
  SensorRange,
} from '../history-store.ts';
import type { BlockFileOptions } from './block-file.ts';
import {
  closeFiles,
  cut,
  openFiles,
  openIfThere,
  writeBlocks,
  writeMerged,
  type MergeOptions,
  type OpenBlockFile,
} from './block-files.ts';
import { BlockBuilder, dayEndMs, sortedByDay } from './history-block.ts';
import { historyLimitDefaults, type HistoryLimits } from './history-limits.ts';
import { keepsOutside, rowOf, type KeepsRow } from './sensor-range.ts';
import type { HistoryDisk } from './history-disk.ts';
import { daysIn, readManifest, writeManifest, type Manifest, type Piece } from './manifest.ts';

export interface HistoryFolderOptions {
  readonly disk: HistoryDisk;
  readonly folder: string;
  readonly manifest: Manifest;
  /** Milliseconds for durations. */
  readonly monotonicMs: () => number;
  readonly limits: Partial<HistoryLimits>;
}

/** Open days are rewritten for at most a twentieth of the time. */
const publishShare = 20;
const beatIntervalMs = 10_000;

interface Publishing {
  readonly signal?: AbortSignal;
  /** Filter of the rows that stay; default: all. */
  readonly keeps?: KeepsRow;
}

export class HistoryFolder implements BackfilledHistory {
  readonly #options: HistoryFolderOptions;
  readonly #builder: BlockBuilder;
  readonly #limits: HistoryLimits;
  readonly #names: readonly string[];
  /** By day: when it may be rewritten again, on the clock of durations. */
  readonly #nextPublishMs: Map<string, number> = new Map();
  #manifest: Manifest;
  #closed = false;
  #beatMs: number;

  constructor(options: HistoryFolderOptions) {
    this.#options = options;
    this.#manifest = options.manifest;
    this.#beatMs = options.monotonicMs();
    this.#limits = { ...historyLimitDefaults, ...options.limits };
    this.#names = options.manifest.features.map(({ name }) => name);
    this.#builder = new BlockBuilder(this.#names.length, this.#limits.rowsMax);
  }

  get manifest(): Manifest {
    return this.#manifest;
  }

  progress(): HistoryProgress {
    const { backfill, positions, newestMs, gaps, topicId } = this.#manifest;
    const known = (value: number | null): number | undefined => value ?? undefined;
    return {
      ...{ positions: positions.map(known), newestMs: newestMs.map(known), gaps },
      ...(topicId === null ? {} : { topicId }),
      ...(backfill === null ? {} : { backfill }),
    };
  }

  pendingRows(): number {
    return this.#builder.rows;
  }

  get isFull(): boolean {
    return this.#builder.rows >= this.#builder.capacity;
  }

  add(entry: HistoryEntry): void {
    assert(!this.isFull, 'history: commit before more rows are added');
    this.#builder.add(entry, this.#names);
  }

  async commit({ backfill, positions, newestMs, gaps, topicId }: HistoryProgress): Promise<void> {
    const { pieces, sequence: before } = this.#manifest;
    let sequence = before;
    const added: Piece[] = [];
    for (const [day, block] of sortedByDay(this.#builder.take())) {
      sequence += 1;
      const piece = this.#piece({ day, sequence, level: 0, rows: block.rows });
      const parts = cut(block, this.#limits.pieceGroupRows);
      await writeBlocks(this.#disk, this.#piecePath(piece), this.#facts(sequence), parts);
      added.push(piece);
    }
    const unknown = (value: number | undefined): number | null => value ?? null;
    await this.#replaceManifest({
      sequence,
      positions: positions.map(unknown),
      newestMs: newestMs.map(unknown),
      gaps: [...gaps],
      pieces: [...pieces, ...added],
      ...(topicId === undefined ? {} : { topicId }),
      ...(backfill === undefined ? {} : { backfill }),
    });
    for (const { day } of added) await this.#compact(day);
  }

  async publish({ closedMs, when, signal }: PublishOptions): Promise<void> {
    for (const day of new Set(this.#manifest.pieces.map((piece) => piece.day))) {
      const isClosed = dayEndMs(day) <= closedMs;
      if (when === 'due' && !this.#isDue(day, isClosed)) continue;
      await this.#publishDay(day, isClosed, signal === undefined ? {} : { signal });
    }
    await this.#closeDays(closedMs);
  }

  async firstRowIn(range: SensorRange): Promise<number | undefined> {
    for (const day of daysIn(this.#manifest, range)) {
      const { sources } = await this.#sourcesOf(day, this.#dayPath(day));
      try {
        for (const { reader } of sources) {
          for await (const block of reader.blocks([])) {
            const found = rowOf(block, range);
            if (found !== undefined) return found;
          }
        }
      } finally {
        await closeFiles(sources);
      }
    }
    return undefined;
  }

  async removeRows(range: SensorRange): Promise<void> {
    for (const day of daysIn(this.#manifest, range)) {
      const isClosed = this.#manifest.days[day]?.closed ?? false;
      await this.#publishDay(day, isClosed, { keeps: keepsOutside(range) });
    }
  }

  /**
   * Tells others that this process lives.
   * @throws FencedError when it is not the writer any more
   */
  async beat(): Promise<void> {
    await this.#replaceManifest({});
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    try {
      await this.#replaceManifest({ writer: null });
    } catch (error) {
      if (!(error instanceof FencedError)) throw error;
    }
  }

  /**
   * A day that has ended is due at once; rows that come for it later wait as those of an open one.
   */
  #isDue(day: string, isClosed: boolean): boolean {
    const nowMs = this.#options.monotonicMs();
    const nextMs = this.#nextPublishMs.get(day);
    if (nextMs !== undefined) return nowMs >= nextMs;
    if (!isClosed) this.#nextPublishMs.set(day, nowMs + this.#limits.publishIntervalMs);
    return isClosed;
  }

  async #publishDay(day: string, isClosed: boolean, how: Publishing): Promise<void> {
    const startMs = this.#options.monotonicMs();
    const path = this.#dayPath(day);
    const part = `${this.#options.folder}/.${day}.${this.#writerId()}.part`;
    const { sources, through } = await this.#sourcesOf(day, path);
    let rows = 0;
    try {
      const options = { ...this.#merging(through, how), rowsMax: this.#limits.dayGroupRows };
      rows = await writeMerged(this.#disk, part, options, sources);
    } finally {
      await closeFiles(sources);
    }
    await this.#assertWriter();
    await this.#disk.replace(part, path);
    const merged = this.#piecesOf(day).filter(({ sequence }) => sequence <= through);
    await this.#replaceManifest({
      pieces: this.#manifest.pieces.filter((piece) => !merged.includes(piece)),
      days: { ...this.#manifest.days, [day]: { rows, through, closed: isClosed } },
    });
    for (const piece of merged) await this.#disk.remove(this.#piecePath(piece));
    const endMs = this.#options.monotonicMs();
    const pauseMs = Math.max(this.#limits.publishIntervalMs, publishShare * (endMs - startMs));
    this.#nextPublishMs.set(day, endMs + pauseMs);
  }

  /** Marks the days that ended by `closedMs` and have no piece left. */
  async #closeDays(closedMs: number): Promise<void> {
    const { days, pieces } = this.#manifest;
    const waiting = new Set(pieces.map(({ day }) => day));
    const closing = Object.entries(days).filter(
      ([day, { closed }]) => !closed && dayEndMs(day) <= closedMs && !waiting.has(day),
    );
    if (closing.length === 0) return;
    const closed = new Map(closing.map(([day, facts]) => [day, { ...facts, closed: true }]));
    await this.#replaceManifest({ days: { ...days, ...Object.fromEntries(closed) } });
    for (const [day] of closing) this.#nextPublishMs.delete(day);
  }

  /** Merges the pieces of each level of `day` that is full into one of the next. */
  async #compact(day: string): Promise<void> {
    for (let level = 0; ; level += 1) {
      const pieces = this.#piecesOf(day).filter((piece) => piece.level === level);
      if (pieces.length === 0) return;
      if (pieces.length < this.#limits.piecesPerLevel) continue;
      const sequence = Math.max(...pieces.map((piece) => piece.sequence));
      const rows = pieces.reduce((sum, piece) => sum + piece.rows, 0);
      const merged = this.#piece({ day, sequence, level: level + 1, rows });
      const sources = await openFiles(
        this.#disk,
        pieces.map((piece) => this.#piecePath(piece)),
      );
      try {
        const options = { ...this.#merging(sequence), rowsMax: this.#limits.pieceGroupRows };
        await writeMerged(this.#disk, this.#piecePath(merged), options, sources);
      } finally {
        await closeFiles(sources);
      }
      await this.#replaceManifest({
        pieces: this.#manifest.pieces.flatMap((piece) =>
          piece === pieces[0] ? [merged] : pieces.includes(piece) ? [] : [piece],
        ),
      });
      for (const piece of pieces) await this.#disk.remove(this.#piecePath(piece));
    }
  }

  /** Opens the day's file and the pieces that it lacks; `through` is the newest of all. */
  async #sourcesOf(
    day: string,
    path: string,
  ): Promise<{ readonly sources: readonly OpenBlockFile[]; readonly through: number }> {
    const dayFile = await openIfThere(this.#disk, path);
    const within = dayFile?.reader.facts.through ?? 0;
    if (dayFile !== undefined && within < (this.#manifest.days[day]?.through ?? 0)) {
      await closeFiles([dayFile]);
      throw new ConfigError(
        `${path} is older than _manifest.json says: only one process may write a history; ` +
          'export again into an empty folder',
      );
    }
    // Newer than the manifest: a publish that was killed, or that of a writer since fenced.
    const pieces = this.#piecesOf(day).filter(({ sequence }) => sequence > within);
    const opened = await openFiles(
      this.#disk,
      pieces.map((piece) => this.#piecePath(piece)),
    );
    return {
      sources: dayFile === undefined ? opened : [dayFile, ...opened],
      through: Math.max(within, ...pieces.map(({ sequence }) => sequence)),
    };
  }

  async #assertWriter(): Promise<void> {
    const found = await readManifest(this.#disk, this.#options.folder);
    if (found?.writer?.id === this.#writerId()) return;
    const { host, pid } = found?.writer ?? {};
    throw new FencedError(
      `${this.#options.folder} is written by process ${pid ?? '?'} on ${host ?? '?'} now`,
    );
  }

  async #replaceManifest(change: Partial<Manifest>): Promise<void> {
    await this.#assertWriter();
    const { disk, folder } = this.#options;
    const { writer } = this.#manifest;
    const beating = writer === null ? null : { ...writer, beat: writer.beat + 1 };
    const next = { ...this.#manifest, writer: beating, ...change };
    await writeManifest(disk, folder, next);
    this.#manifest = next;
    this.#beatMs = this.#options.monotonicMs();
  }

  #piece(facts: Omit<Piece, 'file'>): Piece {
    const { day, sequence, level } = facts;
    // The writer's id: one that was fenced must not write over a piece of the next.
    const file = `${day}.${sequence}.${level}.${this.#writerId()}.parquet`;
    return { ...facts, file };
  }

  #piecesOf(day: string): readonly Piece[] {
    return this.#manifest.pieces.filter((piece) => piece.day === day);
  }

  #piecePath({ file }: Piece): string {
    return `${this.#options.folder}/.pieces/${file}`;
  }

  #dayPath(day: string): string {
    return `${this.#options.folder}/${day}.parquet`;
  }

  #facts(through: number): BlockFileOptions {
    return { features: this.#manifest.features, through };
  }

  /** A merge may take longer than others wait for a beat. */
  #merging(
    through: number,
    { keeps, signal }: Publishing = {},
  ): BlockFileOptions & Omit<MergeOptions, 'rowsMax'> {
    const onBlock = async (): Promise<void> => {
      if (signal?.aborted === true) throw new UnavailableError('the merge was interrupted');
      if (this.#options.monotonicMs() - this.#beatMs >= beatIntervalMs) await this.beat();
    };
    return { ...this.#facts(through), onBlock, ...(keeps === undefined ? {} : { keeps }) };
  }

  get #disk(): HistoryDisk {
    return this.#options.disk;
  }

  #writerId(): string {
    return this.#options.manifest.writer?.id ?? '';
  }
}
