// The memory that fetch responses are received into, used again once their records are folded. An
// array buffer of megabytes per response would make V8 collect its whole heap every few responses,
// for what lies outside of it: that was a fifth of the CPU. A frame that nobody gives back is left
// to the collector.
import { assert } from '../../errors.ts';

const frameBytesMin = 1 << 17;
/** Frames kept for later responses; a thread uses few at a time. */
const freeBytesMax = 32 * 1024 * 1024;

const holders = new WeakMap<ArrayBufferLike, number>();
let free: ArrayBuffer[] = [];
let freeBytes = 0;

/**
 * Returns `bytes` bytes of unspecified content, in memory that was given back where there is some
 * that fits.
 */
export function takeFrame(bytes: number): Buffer {
  const wanted = Math.max(frameBytesMin, 2 ** Math.ceil(Math.log2(bytes)));
  const fits = free.find((buffer) => buffer.byteLength === wanted);
  if (fits !== undefined) {
    free = free.filter((buffer) => buffer !== fits);
    freeBytes -= wanted;
    return Buffer.from(fits, 0, bytes);
  }
  const { buffer } = Buffer.allocUnsafeSlow(wanted);
  assert(buffer instanceof ArrayBuffer, 'a frame lies in an array buffer of its own');
  holders.set(buffer, 0);
  return Buffer.from(buffer, 0, bytes);
}

/** Says that one more holder refers to `bytes`, which may lie in a frame. */
export function holdFrame(bytes: Uint8Array): void {
  const held = holders.get(bytes.buffer);
  if (held !== undefined) holders.set(bytes.buffer, held + 1);
}

/**
 * Returns what ends one hold of `bytes`; the end of the last one gives the frame back. Called again
 * it does nothing.
 */
export function frameRelease(bytes: Uint8Array): () => void {
  let released = false;
  return () => {
    if (released) return;
    released = true;
    const { buffer } = bytes;
    const held = holders.get(buffer);
    if (held === undefined) return;
    assert(held > 0, 'a frame is released as often as it is held', { held });
    holders.set(buffer, held - 1);
    if (held > 1 || !(buffer instanceof ArrayBuffer)) return;
    if (freeBytes + buffer.byteLength > freeBytesMax) return;
    free = [...free, buffer];
    freeBytes += buffer.byteLength;
  };
}
