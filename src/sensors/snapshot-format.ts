// The bytes of a shard's state. Little-endian; every section starts at a multiple of 8 and is
// padded with zeros, so that columns are copied as they are. Panes lie in window order, then in the
// order they were opened: the order they close in.
//
//    0 u32 magic "SNSR"      4 u32 version         8 f64 total bytes
//   16 f64 watermark ms     24 f64 max event time ms
//   32 u32 sensors s        36 u32 panes p        40 u32 id bytes i       44 u32 fingerprint bytes f
//   48 u32 doubles a sensor b                         52 u32 doubles a pane c
//   56 u8 watermark mode (0 own, 1 external)  57 u24 lengths w of version 5 to 8   60 u32 larger panes l
//   64 fingerprint f × u8 UTF-8 │ id lengths s × u32 │ ids i × u8 │ lifecycle s × u8
//      │ baselines s·b × f64 │ pane slots p × u32 │ panes p·c × f64
//      │ larger panes: length indices l × u32 │ slots l × u32 │ panes l·c × f64
//      │ bit 0: when windows ended last, ms, s × f64
//      │ bit 1: when sensors are looked through next, ms, f64 │ presence s·7 × f64
//      │ bit 2: since when windows of each length are known, ms, w × f64
//      │ bit 3: alarms s·17 × f64
//
// The bits are those of the version less 1: 0 of a state which forgets sensors, 1 of one which
// watches their presence, 2 of one with a length that was declared lately (windows which had begun
// by then are never opened), 3 of one whose alarms have a life.
import { assert, CorruptSnapshotError } from '../errors.ts';
import { alarmDoubles } from './alarm-slot.ts';
import { presenceDoubles } from './presence-slot.ts';
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
  /** The watermark at which sensors are looked through next; undefined where nobody asks. */
  readonly presenceNextMs: number | undefined;
  /** By slot, `presenceDoubles` each; empty where nobody asks. */
  readonly presence: Float64Array;
  /** By declared length: see `LargerPanes.fromMs`; undefined where none is in force. */
  readonly windowsFromMs: Float64Array | undefined;
  /** By slot, `alarmDoubles` each; undefined where alarms have no life. */
  readonly alarms: Float64Array | undefined;
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
/** Bits of the version less 1. */
const versionBits = { forgets: 1, watches: 2, declares: 4, alarms: 8 } as const;
const versionMax = 16;
const headerBytes = 64;
const modeBits = 8;
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
  const forgets = parts.lastEndsMs === undefined ? 0 : versionBits.forgets;
  const watches = parts.presenceNextMs === undefined ? 0 : versionBits.watches;
  const declares = parts.windowsFromMs === undefined ? 0 : versionBits.declares;
  const alarms = parts.alarms === undefined ? 0 : versionBits.alarms;
  header.setUint32(4, 1 + forgets + watches + declares + alarms, true);
  header.setFloat64(8, total, true);
  header.setFloat64(16, parts.watermarkMs, true);
  header.setFloat64(24, parts.maxEventTimeMs, true);
  header.setUint32(32, parts.idLengths.length, true);
  header.setUint32(36, parts.paneSlots.length, true);
  header.setUint32(40, parts.ids.length, true);
  header.setUint32(44, sections[0].byteLength, true);
  header.setUint32(48, parts.baselineStride, true);
  header.setUint32(52, parts.paneStride, true);
  const lengths = parts.windowsFromMs?.length ?? 0;
  header.setUint32(56, modes.indexOf(parts.watermarkMode) + (lengths << modeBits), true);
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
    ...(parts.presenceNextMs === undefined
      ? []
      : [Float64Array.of(parts.presenceNextMs), parts.presence]),
    ...(parts.windowsFromMs === undefined ? [] : [parts.windowsFromMs]),
    ...(parts.alarms === undefined ? [] : [parts.alarms]),
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
  const { buffer } = aligned;
  const view = new DataView(buffer, aligned.byteOffset, headerBytes);
  const header = readHeader(view);
  const { baselineStride, idBytes, larger, panes, paneStride, sensors, watermarkMode } = header;
  const lengths = sectionLengths(header);
  const total = lengths.reduce((sum, length) => sum + padded(length), headerBytes);
  if (bytes.length !== total) corrupt(`expected ${total} bytes by the counts`, bytes.length);
  if (view.getFloat64(8, true) !== total) corrupt('expected the same length in the header', total);
  const starts = lengths.map((_, index) =>
    lengths.slice(0, index).reduce((sum, length) => sum + padded(length), headerBytes),
  );
  const start = (section: number): number => aligned.byteOffset + (starts[section] ?? 0);
  const watched = header.forgets ? 11 : 10;
  return {
    fingerprint: new TextDecoder().decode(new Uint8Array(buffer, start(0), header.textBytes)),
    watermarkMode,
    watermarkMs: view.getFloat64(16, true),
    maxEventTimeMs: view.getFloat64(24, true),
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
    lastEndsMs: header.forgets ? new Float64Array(buffer, start(10), sensors) : undefined,
    ...presenceOf(
      buffer,
      header.watches ? [start(watched), start(watched + 1)] : undefined,
      sensors,
    ),
    windowsFromMs:
      header.windowLengths === undefined
        ? undefined
        : new Float64Array(
            buffer,
            start(lengths.length - (header.alarms ? 2 : 1)),
            header.windowLengths,
          ),
    alarms: header.alarms
      ? new Float64Array(buffer, start(lengths.length - 1), sensors * alarmDoubles)
      : undefined,
  };
}

interface Header {
  readonly forgets: boolean;
  readonly watches: boolean;
  readonly alarms: boolean;
  /** undefined where no length was declared lately. */
  readonly windowLengths: number | undefined;
  readonly watermarkMode: WatermarkMode;
  readonly textBytes: number;
  readonly sensors: number;
  readonly panes: number;
  readonly idBytes: number;
  readonly baselineStride: number;
  readonly paneStride: number;
  readonly larger: number;
}

function readHeader(view: DataView): Header {
  const u32 = (at: number): number => view.getUint32(at, true);
  if (u32(0) !== magic) corrupt('expected the magic number of a shard snapshot', u32(0));
  const version = u32(4);
  if (version < 1 || version > versionMax) {
    corrupt(`expected snapshot version 1 to ${versionMax}`, version);
  }
  const has = (bit: number): boolean => ((version - 1) & bit) !== 0;
  const declares = has(versionBits.declares);
  const mode = declares ? u32(56) & ((1 << modeBits) - 1) : u32(56);
  const watermarkMode = modes[mode];
  if (watermarkMode === undefined) return corrupt('expected watermark mode 0 or 1', mode);
  return {
    forgets: has(versionBits.forgets),
    watches: has(versionBits.watches),
    alarms: has(versionBits.alarms),
    windowLengths: declares ? u32(56) >>> modeBits : undefined,
    watermarkMode,
    textBytes: u32(44),
    sensors: u32(32),
    panes: u32(36),
    idBytes: u32(40),
    baselineStride: u32(48),
    paneStride: u32(52),
    larger: u32(60),
  };
}

/** Returns the bytes of each section, unpadded, in the order of `sectionsOf`. */
function sectionLengths(header: Header): readonly number[] {
  const { larger, panes, paneStride, sensors, windowLengths } = header;
  return [
    header.textBytes,
    4 * sensors,
    header.idBytes,
    sensors,
    8 * sensors * header.baselineStride,
    4 * panes,
    8 * panes * paneStride,
    4 * larger,
    4 * larger,
    8 * larger * paneStride,
    ...(header.forgets ? [8 * sensors] : []),
    ...(header.watches ? [8, 8 * sensors * presenceDoubles] : []),
    ...(windowLengths === undefined ? [] : [8 * windowLengths]),
    ...(header.alarms ? [8 * sensors * alarmDoubles] : []),
  ];
}

/** @param starts of the next look and of the presence, undefined where nobody asks */
function presenceOf(
  buffer: ArrayBufferLike,
  starts: readonly [number, number] | undefined,
  sensors: number,
): Pick<SnapshotParts, 'presenceNextMs' | 'presence'> {
  if (starts === undefined) return { presenceNextMs: undefined, presence: new Float64Array(0) };
  const [presenceNextMs = NaN] = new Float64Array(buffer, starts[0], 1);
  if (Number.isNaN(presenceNextMs)) corrupt('expected a time of the next look', presenceNextMs);
  return {
    presenceNextMs,
    presence: new Float64Array(buffer, starts[1], sensors * presenceDoubles),
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
