// Runs merged by time: memory holds a block of each, whatever their length. The runs of an ordered
// file follow one another in time, so whole stretches are copied from one of them.
import { assert } from '../errors.ts';
import type { ReadingBlock, ReadingRun } from './reading-runs.ts';

const mergedReadings = 16_384;

interface Head {
  readonly blocks: AsyncGenerator<ReadingBlock, undefined>;
  /** Equal times go to the run that was made first. */
  readonly order: number;
  block: ReadingBlock;
  at: number;
}

/** Yields the readings of all runs by time; a block is valid until the next is asked for. */
export async function* mergeRuns(runs: readonly ReadingRun[]): AsyncGenerator<ReadingBlock> {
  const [only] = runs;
  if (runs.length === 1 && only !== undefined) return yield* only.blocks();
  let heads: Head[] = [];
  for (const [order, run] of runs.entries()) {
    const blocks = run.blocks();
    const { value: block } = await blocks.next();
    if (block !== undefined) heads.push({ blocks, order, block, at: 0 });
  }
  const out = {
    timesMs: new Float64Array(mergedReadings),
    values: new Float64Array(mergedReadings),
    sensors: new Uint32Array(mergedReadings),
  };
  let count = 0;
  while (heads.length > 0) {
    const [least, second] = leastTwo(heads);
    count = copyUpTo(least, second, out, count);
    if (count === mergedReadings) {
      yield { ...out, count };
      count = 0;
    }
    if (least.at < least.block.count) continue;
    const { value: block } = await least.blocks.next();
    if (block === undefined) heads = heads.filter((head) => head !== least);
    else Object.assign(least, { block, at: 0 });
  }
  if (count > 0) yield { ...out, count };
}

function leastTwo(heads: readonly Head[]): readonly [Head, Head | undefined] {
  let [least, second]: [Head | undefined, Head | undefined] = [undefined, undefined];
  for (const head of heads) {
    if (least === undefined || isBefore(head, least)) [least, second] = [head, least];
    else if (second === undefined || isBefore(head, second)) second = head;
  }
  assert(least !== undefined, 'a run is left to merge');
  return [least, second];
}

function isBefore(a: Head, b: Head): boolean {
  const byTime = (a.block.timesMs[a.at] ?? 0) - (b.block.timesMs[b.at] ?? 0);
  return byTime === 0 ? a.order < b.order : byTime < 0;
}

type Columns = Pick<ReadingBlock, 'timesMs' | 'values' | 'sensors'>;

/** Copies readings of `least` until `second` comes first, or `out` is full; returns its count. */
function copyUpTo(least: Head, second: Head | undefined, out: Columns, count: number): number {
  const { block } = least;
  const limitMs = second === undefined ? Infinity : (second.block.timesMs[second.at] ?? 0);
  const isFirstOfEqual = second === undefined || least.order < second.order;
  let to = count;
  while (to < out.timesMs.length && least.at < block.count) {
    const timeMs = block.timesMs[least.at] ?? 0;
    if (timeMs > limitMs || (timeMs === limitMs && !isFirstOfEqual)) break;
    out.timesMs[to] = timeMs;
    out.values[to] = block.values[least.at] ?? NaN;
    out.sensors[to] = block.sensors[least.at] ?? 0;
    least.at += 1;
    to += 1;
  }
  return to;
}
