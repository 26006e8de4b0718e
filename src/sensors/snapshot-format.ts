// The bytes of a shard's state. Little-endian; every section starts at a multiple of 8 and is
// padded with zeros, so that columns are copied as they are. Panes lie in window order, then in the
// order they were opened: the order they close in.
//
//    0 u32 magic "SNSR"      4 u32 version         8 f64 total bytes
//   16 f64 watermark ms     24 f64 max event time ms
//   32 u32 sensors s        36 u32 panes p        40 u32 id bytes i       44 u32 fingerprint bytes f
//   48 u32 doubles a sensor b                         52 u32 doubles a pane c
//   56 u32 watermark mode (0 own, 1 external)         60 u32 larger panes l
//   64 fingerprint f × u8 UTF-8 │ id lengths s × u32 │ ids i × u8 │ lifecycle s × u8
//      │ baselines s·b × f64 │ pane slots p × u32 │ panes p·c × f64
//      │ larger panes: length indices l × u32 │ slots l × u32 │ panes l·c × f64
//      │ version 2 only: when windows ended last, ms, s × f64
//
// Version 1 is that of a state which never forgets a sensor, version 2 that of one which does.
import { assert, CorruptSnapshotError } from '../errors.ts';
import type { WatermarkMode } from './watermark.ts';

export interface SnapshotParts {
  readonly fingerprint: string;
  readonly watermarkMode: WatermarkMode;
  readonly watermarkMs: number;
  readonly maxEventTimeMs: number;
  readonly baselineStride: number;
  readonly paneStride: number;
  readonly idLengths: Uint32Array;
  readonly ids: Uint8Array;
  readonly lifecycle: Uint8Array;
  readonly baselines: Float64Array;
  readonly paneSlots: Uint32Array;
  readonly panes: Float64Array;
  /** Of each pane of a larger window: which of the declared lengths it has. */
  readonly largerLengths: Uint32Array;
  readonly largerSlots: Uint32Array;
  readonly largerPanes: Float64Array;
  /** By slot; undefined where sensors are never forgotten. */
  readonly lastEndsMs: Float64Array | undefined;
}

/** A section that is made where it is written, since it lies nowhere as it is. */
export interface MadeSection {
  /** Elements. */
  readonly length: number;
  readonly byteLength: number;
  /** Writes it behind `byteOffset`, a multiple of 8. */
  copyTo(buffer: ArrayBuffer, byteOffset: number): void;
}

/** Returns the section of `length` elements of `Elements` that `fill` writes. */
export function madeOf<T extends Uint32Array | Float64Array>(
  Elements: {
    new (buffer: ArrayBuffer, byteOffset: number, length: number): T;
    readonly BYTES_PER_ELEMENT: number;
  },
  length: number,
  fill: (target: T) => void,
): MadeSection {
  return {
    length,
    byteLength: length * Elements.BYTES_PER_ELEMENT,
    copyTo: (buffer, byteOffset) => fill(new Elements(buffer, byteOffset, length)),
  };
}

/** The parts as they are encoded: columns, or what is made of them. */
export type SnapshotSections = {
  readonly [K in keyof SnapshotParts]: SnapshotParts[K] extends Column
    ? SnapshotParts[K] | MadeSection
    : SnapshotParts[K];
};

type Column = Uint8Array | Uint32Array | Float64Array;

const magic = 0x52534e53;
const versions = { keeping: 1, forgetting: 2 } as const;
const headerBytes = 64;
const modes: readonly WatermarkMode[] = ['own', 'external'];

/** Returns how many bytes the parts are, encoded. */
export function snapshotBytes(parts: SnapshotSections): number {
  return bytesOf(sectionsOf(parts));
}

function bytesOf(sections: readonly { readonly byteLength: number }[]): number {
  return sections.reduce((sum, { byteLength }) => sum + padded(byteLength), headerBytes);
}

/**
 * Returns the parts as bytes, copied, behind `headBytes` zeros (a multiple of 8) for the caller to
 * fill. They lie in `room`, zeros, where it is large enough, else in memory of their own.
 */
export function encodeState(
  parts: SnapshotSections,
  headBytes = 0,
  room?: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> {
  assertLittleEndian();
  const sections = sectionsOf(parts);
  const total = bytesOf(sections);
  const all = headBytes + total;
  const bytes =
    room !== undefined && room.length >= all ? room.subarray(0, all) : new Uint8Array(all);
  const { buffer, byteOffset } = bytes;
  const header = new DataView(buffer, byteOffset + headBytes);
  header.setUint32(0, magic, true);
  const version = parts.lastEndsMs === undefined ? versions.keeping : versions.forgetting;
  header.setUint32(4, version, true);
  header.setFloat64(8, total, true);
  header.setFloat64(16, parts.watermarkMs, true);
  header.setFloat64(24, parts.maxEventTimeMs, true);
  header.setUint32(32, parts.idLengths.length, true);
  header.setUint32(36, parts.paneSlots.length, true);
  header.setUint32(40, parts.ids.length, true);
  header.setUint32(44, sections[0].byteLength, true);
  header.setUint32(48, parts.baselineStride, true);
  header.setUint32(52, parts.paneStride, true);
  header.setUint32(56, modes.indexOf(parts.watermarkMode), true);
  header.setUint32(60, parts.largerSlots.length, true);
  let at = headBytes + headerBytes;
  for (const section of sections) {
    if ('copyTo' in section) section.copyTo(buffer, byteOffset + at);
    else bytes.set(new Uint8Array(section.buffer, section.byteOffset, section.byteLength), at);
    at += padded(section.byteLength);
  }
  return bytes;
}

/** In the order in which they are written, the fingerprint first. */
function sectionsOf(parts: SnapshotSections): readonly [Uint8Array, ...(Column | MadeSection)[]] {
  return [
    new TextEncoder().encode(parts.fingerprint),
    parts.idLengths,
    parts.ids,
    parts.lifecycle,
    parts.baselines,
    parts.paneSlots,
    parts.panes,
    parts.largerLengths,
    parts.largerSlots,
    parts.largerPanes,
    ...(parts.lastEndsMs === undefined ? [] : [parts.lastEndsMs]),
  ];
}

/**
 * Returns the parts that `bytes` hold, as views of them where alignment allows (the caller copies).
 * @throws CorruptSnapshotError when the magic, the version, the length or the counts do not fit
 * each other.
 */
export function decodeState(bytes: Uint8Array): SnapshotParts {
  assertLittleEndian();
  if (bytes.length < headerBytes) corrupt(`expected at least ${headerBytes} bytes`, bytes.length);
  const aligned = bytes.byteOffset % 8 === 0 ? bytes : new Uint8Array(bytes);
  const header = new DataView(aligned.buffer, aligned.byteOffset, headerBytes);
  const u32 = (at: number): number => header.getUint32(at, true);
  if (u32(0) !== magic) corrupt('expected the magic number of a shard snapshot', u32(0));
  const version = u32(4);
  const forgets = version === versions.forgetting;
  if (!forgets && version !== versions.keeping)
    corrupt('expected snapshot version 1 or 2', version);
  const [sensors, panes, idBytes, baselineStride] = [u32(32), u32(36), u32(40), u32(48)];
  const [paneStride, larger] = [u32(52), u32(60)];
  const lengths = [
    u32(44),
    4 * sensors,
    idBytes,
    sensors,
    8 * sensors * baselineStride,
    4 * panes,
    8 * panes * paneStride,
    4 * larger,
    4 * larger,
    8 * larger * paneStride,
    ...(forgets ? [8 * sensors] : []),
  ];
  const total = lengths.reduce((sum, length) => sum + padded(length), headerBytes);
  if (bytes.length !== total) corrupt(`expected ${total} bytes by the counts`, bytes.length);
  if (header.getFloat64(8, true) !== total)
    corrupt('expected the same length in the header', total);
  const watermarkMode = modes[u32(56)];
  if (watermarkMode === undefined) return corrupt('expected watermark mode 0 or 1', u32(56));
  const starts = lengths.map((_, index) =>
    lengths.slice(0, index).reduce((sum, length) => sum + padded(length), headerBytes),
  );
  const start = (section: number): number => aligned.byteOffset + (starts[section] ?? 0);
  const { buffer } = aligned;
  return {
    fingerprint: new TextDecoder().decode(new Uint8Array(buffer, start(0), u32(44))),
    watermarkMode,
    watermarkMs: header.getFloat64(16, true),
    maxEventTimeMs: header.getFloat64(24, true),
    baselineStride,
    paneStride,
    idLengths: new Uint32Array(buffer, start(1), sensors),
    ids: new Uint8Array(buffer, start(2), idBytes),
    lifecycle: new Uint8Array(buffer, start(3), sensors),
    baselines: new Float64Array(buffer, start(4), sensors * baselineStride),
    paneSlots: new Uint32Array(buffer, start(5), panes),
    panes: new Float64Array(buffer, start(6), panes * paneStride),
    largerLengths: new Uint32Array(buffer, start(7), larger),
    largerSlots: new Uint32Array(buffer, start(8), larger),
    largerPanes: new Float64Array(buffer, start(9), larger * paneStride),
    lastEndsMs: forgets ? new Float64Array(buffer, start(10), sensors) : undefined,
  };
}

const padded = (length: number): number => 8 * Math.ceil(length / 8);

function corrupt(expected: string, found: number): never {
  throw new CorruptSnapshotError(`shard snapshot: ${expected}, found ${found}`);
}

function assertLittleEndian(): void {
  const little = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;
  assert(little, 'snapshots are copies of little-endian columns; this machine is big-endian');
}
