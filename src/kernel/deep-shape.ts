// The shape of declared records that are no flat ones, for the kernel: the paths of its fields as a
// trie, in the words of assembly/shape.ts. Records of shapes that it does not know are read in
// JavaScript.
import {
  escapedPart,
  type FieldPath,
  type InputDeclaration,
  type Measurements,
  type TimeUnit,
} from '../sensors/input-declaration.ts';
import type { KernelExports } from './instance.ts';

/** As assembly/shape.ts has them. */
const leafNode = 0;
const objectNode = 1;
const arrayNode = 2;
const roles = { other: 0, time: 1, id: 2, metric: 3, value: 4, every: 5 } as const;
const noZone = 0x7fffffff;
const slotsMax = 64;
const nodesMax = 160;
const edgesMax = 160;
const idPartsMax = 8;
const headWords = 8;
const slotWords = 2;
const nodeWords = 4;
const edgeWords = 3;
const namesBytesMax = 8_192;

interface ShapeNode {
  kind: number;
  /** A role, and its argument in the upper bits. */
  role: number;
  readonly children: Map<string | number, ShapeNode>;
}

export interface DeepShape {
  readonly root: ShapeNode;
  readonly timeUnit: TimeUnit;
  readonly idParts: number;
  /** 0: a number, 1: ISO text, 2: the record's own. */
  readonly timeKind: number;
  readonly zoneMinutes: number;
  /** Behind the ids of the devices, by slot; empty where the device is the sensor. */
  readonly suffixes: readonly string[];
  readonly slots: number;
  readonly onlyNumbers: boolean;
  readonly hasSuffix: boolean;
  readonly hasMetric: boolean;
}

/** Written in JSON as they are, or in a way that the kernel leaves to the host. */
const plainName = /^[^"\\\p{Cc}\p{Cs}]{1,200}$/u;

/** Returns the shape for the kernel; undefined where it knows none such. */
export function deepShapeOf(declaration: InputDeclaration): DeepShape | undefined {
  const { format, id, measurements, time, timeUnit, timeZoneMinutes, valueTypes } = declaration;
  if (format !== 'json' || !valueTypes.includes('number')) return undefined;
  const idPaths = id === 'key' ? [] : id;
  const names = suffixesOf(measurements);
  const placed: (readonly [FieldPath, number])[] = [
    ...idPaths.map((path, part) => [path, roles.id | (part << 8)] as const),
    ...(time === 'record' ? [] : [[time, roles.time] as const]),
    ...valueRoles(measurements),
  ];
  if (names.length > slotsMax || idPaths.length > idPartsMax) return undefined;
  const root: ShapeNode = { kind: leafNode, role: roles.other, children: new Map() };
  if (!placed.every(([path, role]) => place(root, path, role))) return undefined;
  const nodes = countNodes(root);
  if (root.kind !== objectNode || nodes > Math.min(nodesMax, edgesMax)) return undefined;
  if (nameBytes(root) + Buffer.byteLength(names.join('')) > namesBytesMax) return undefined;
  return {
    ...{ root, timeUnit },
    idParts: idPaths.length,
    timeKind: time === 'record' ? 2 : timeUnit === 'iso' ? 1 : 0,
    zoneMinutes: timeZoneMinutes ?? noZone,
    suffixes: names,
    slots: measurements.kind === 'every' ? 0 : Math.max(1, names.length),
    onlyNumbers: valueTypes.length === 1,
    hasSuffix: measurements.kind !== 'one',
    hasMetric: measurements.kind === 'long',
  };
}

function suffixesOf(measurements: Measurements): readonly string[] {
  if (measurements.kind !== 'several') return [];
  return measurements.fields.map(({ name }) => `/${escapedPart(name)}`);
}

function valueRoles(measurements: Measurements): (readonly [FieldPath, number])[] {
  switch (measurements.kind) {
    case 'one':
      return [[measurements.field, roles.value]];
    case 'several':
      return measurements.fields.map(({ field }, slot) => [field, roles.value | (slot << 8)]);
    case 'long':
      return [
        [measurements.metric, roles.metric],
        [measurements.field, roles.value],
      ];
    case 'every':
      return [[measurements.under, roles.every]];
    default:
      return measurements satisfies never;
  }
}

/** Puts a role at the end of a path; returns false where two fields claim one place. */
function place(root: ShapeNode, path: FieldPath, role: number): boolean {
  let node = root;
  for (const step of path) {
    const kind = typeof step === 'number' ? arrayNode : objectNode;
    if (typeof step === 'string' && !plainName.test(step)) return false;
    if (node.kind === leafNode && (node.role === roles.other || node.role === roles.every)) {
      node.kind = kind;
    }
    if (node.kind !== kind) return false;
    const child = node.children.get(step) ?? { kind: leafNode, role: 0, children: new Map() };
    node.children.set(step, child);
    node = child;
  }
  const isEvery = role === roles.every;
  if (node.role !== roles.other || (isEvery ? node.kind === arrayNode : node.kind !== leafNode)) {
    return false;
  }
  node.role = role;
  if (isEvery) node.kind = objectNode;
  return true;
}

function countNodes({ children }: ShapeNode): number {
  let count = 1;
  for (const child of children.values()) count += countNodes(child);
  return count;
}

function nameBytes({ children }: ShapeNode): number {
  let bytes = 0;
  for (const [step, child] of children) {
    bytes += nameBytes(child) + (typeof step === 'string' ? Buffer.byteLength(step) : 0);
  }
  return bytes;
}

/** Tells an instance in `memory` where the fields are. */
export function writeDeepShape(
  exports: KernelExports,
  { buffer }: WebAssembly.Memory,
  shape: DeepShape,
): void {
  const names = Buffer.from(buffer, exports.shapeNames.value, namesBytesMax);
  const wordCount = headWords + slotWords * slotsMax + nodeWords * nodesMax + edgeWords * edgesMax;
  const words = new Int32Array(buffer, exports.shapeWords.value, wordCount);
  let namesEnd = 0;
  const written = (text: string): readonly [number, number] => {
    const start = namesEnd;
    namesEnd += names.write(text, start);
    return [start, namesEnd - start];
  };
  const { idParts, timeKind, zoneMinutes, slots } = shape;
  const flags = [shape.onlyNumbers, shape.hasSuffix, shape.hasMetric].map(Number);
  words.set([idParts, timeKind, zoneMinutes, slots, ...flags]);
  for (const [slot, suffix] of shape.suffixes.entries()) {
    words.set(written(suffix), headWords + slot * slotWords);
  }
  const nodesAt = headWords + slotWords * slotsMax;
  const edgesAt = nodesAt + nodeWords * nodesMax;
  // Breadth first, so that the edges of a node lie side by side.
  const nodes = [shape.root];
  let edges = 0;
  for (const [index, { kind, role, children }] of nodes.entries()) {
    words.set([kind, role, edges, children.size], nodesAt + index * nodeWords);
    for (const [step, child] of children) {
      const [name, length] = typeof step === 'number' ? [step, -1] : written(step);
      words.set([name, length, nodes.length], edgesAt + edges * edgeWords);
      edges += 1;
      nodes.push(child);
    }
  }
}
