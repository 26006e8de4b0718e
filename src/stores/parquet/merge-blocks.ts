// Sorted files of history merged into one, a row group at a time: memory holds one group of every
// source and one of the result, whatever the files' size.
import { BlockBuilder, compareIds, type HistoryBlock } from './history-block.ts';

export type BlockSource = AsyncIterator<HistoryBlock, undefined>;

interface Head {
  readonly source: BlockSource;
  /** Ties go to the source named first: it is the older one. */
  readonly order: number;
  block: HistoryBlock;
  at: number;
}

/** Yields the rows of `sources` in order, in blocks of at most `rowsMax`. */
export async function* mergeBlocks(
  sources: readonly BlockSource[],
  { features, rowsMax }: { readonly features: number; readonly rowsMax: number },
): AsyncGenerator<HistoryBlock> {
  const heap: Head[] = [];
  for (const [order, source] of sources.entries()) {
    const block = await nextBlock(source);
    if (block !== undefined) push(heap, { source, order, block, at: 0 });
  }
  const builder = new BlockBuilder(features, rowsMax);
  for (let least = heap[0]; least !== undefined; least = heap[0]) {
    builder.copy(least.block, least.at);
    least.at += 1;
    if (least.at === least.block.rows) {
      const block = await nextBlock(least.source);
      if (block === undefined) removeLeast(heap);
      else Object.assign(least, { block, at: 0 });
    }
    sink(heap, 0);
    if (builder.rows === rowsMax) yield builder.take();
  }
  if (builder.rows > 0) yield builder.take();
}

async function nextBlock(source: BlockSource): Promise<HistoryBlock | undefined> {
  for (;;) {
    const result = await source.next();
    if (result.done === true) return undefined;
    if (result.value.rows > 0) return result.value;
  }
}

function isBefore(a: Head, b: Head): boolean {
  const byId = compareIds(a.block.sensorIds[a.at] ?? '', b.block.sensorIds[b.at] ?? '');
  if (byId !== 0) return byId < 0;
  const byTime = (a.block.times[0]?.[a.at] ?? 0) - (b.block.times[0]?.[b.at] ?? 0);
  return byTime === 0 ? a.order < b.order : byTime < 0;
}

function push(heap: Head[], head: Head): void {
  heap.push(head);
  for (let at = heap.length - 1; at > 0;) {
    const parent = (at - 1) >> 1;
    if (!swapIfBefore(heap, at, parent)) return;
    at = parent;
  }
}

function removeLeast(heap: Head[]): void {
  const last = heap.pop();
  if (last !== undefined && heap.length > 0) heap[0] = last;
}

/** Moves the head at `from` down to its place. */
function sink(heap: Head[], from: number): void {
  for (let at = from; ;) {
    const left = 2 * at + 1;
    const [a, b] = [heap[left], heap[left + 1]];
    if (a === undefined) return;
    const child = b !== undefined && isBefore(b, a) ? left + 1 : left;
    if (!swapIfBefore(heap, child, at)) return;
    at = child;
  }
}

function swapIfBefore(heap: Head[], child: number, parent: number): boolean {
  const [a, b] = [heap[child], heap[parent]];
  if (a === undefined || b === undefined || !isBefore(a, b)) return false;
  heap[child] = b;
  heap[parent] = a;
  return true;
}
