// The shape of declared records that are no flat ones: a trie of the fields' paths, which
// src/kernel/deep-shape.ts writes. Words of 32 bits, in the order of `shapeWord` there.
//
//   node: what stands there, its role, first edge, edges      edge: name or index, its length, node
import { shapeNames, shapeWords } from './layout';

// Of the head, in words.
const wordIdParts: usize = 0;
const wordTimeKind: usize = 1;
const wordZoneMinutes: usize = 2;
const wordSlots: usize = 3;
const wordOnlyNumbers: usize = 4;
const wordHasSuffix: usize = 5;
const wordHasMetric: usize = 6;
const headWords: usize = 8;
/** By slot: where its suffix begins in the names, and its length. */
const slotWords: usize = 2;
const slotsMax: usize = 64;
const nodeWords: usize = 4;
const nodesMax: usize = 160;
const edgeWords: usize = 3;

const slotsAt: usize = shapeWords + 4 * headWords;
const nodesAt: usize = slotsAt + 4 * slotWords * slotsMax;
const edgesAt: usize = nodesAt + 4 * nodeWords * nodesMax;

/** Content of a node: a value of its own, or members or elements of which some are known. */
export const leafNode: i32 = 0;
export const objectNode: i32 = 1;
export const arrayNode: i32 = 2;

/** The role of a value; the role's argument is in its upper bits. */
export const roleOther: i32 = 0;
export const roleTime: i32 = 1;
export const roleId: i32 = 2;
export const roleMetric: i32 = 3;
export const roleValue: i32 = 4;
/** An object each of whose numeric members is a value. */
export const roleEvery: i32 = 5;
/** A member of such an object. */
export const roleMember: i32 = 6;

/** Where the time is: a number in a unit, an ISO text, or the record's own. */
export const timeIsText: i32 = 1;
export const timeIsRecord: i32 = 2;
/** In place of the zone where none is declared. */
export const noZone: i32 = 0x7fffffff;

export function idParts(): i32 {
  return load<i32>(shapeWords + 4 * wordIdParts);
}

export function timeKind(): i32 {
  return load<i32>(shapeWords + 4 * wordTimeKind);
}

export function zoneMinutes(): i32 {
  return load<i32>(shapeWords + 4 * wordZoneMinutes);
}

export function declaredSlots(): i32 {
  return load<i32>(shapeWords + 4 * wordSlots);
}

export function onlyNumbers(): bool {
  return load<i32>(shapeWords + 4 * wordOnlyNumbers) != 0;
}

/** Whether a sensor's id is its device's with a name behind it. */
export function hasSuffix(): bool {
  return load<i32>(shapeWords + 4 * wordHasSuffix) != 0;
}

/** Whether that name is what another field says. */
export function hasMetric(): bool {
  return load<i32>(shapeWords + 4 * wordHasMetric) != 0;
}

export function suffixStart(slot: i32): usize {
  return shapeNames + <usize>load<i32>(slotsAt + <usize>slot * 8);
}

export function suffixLength(slot: i32): usize {
  return <usize>load<i32>(slotsAt + <usize>slot * 8, 4);
}

export function nodeKind(node: i32): i32 {
  return load<i32>(nodesAt + <usize>node * 16);
}

export function nodeRole(node: i32): i32 {
  return load<i32>(nodesAt + <usize>node * 16, 4);
}

export function firstEdge(node: i32): i32 {
  return load<i32>(nodesAt + <usize>node * 16, 8);
}

export function edgeCount(node: i32): i32 {
  return load<i32>(nodesAt + <usize>node * 16, 12);
}

export function edgeName(edge: i32): i32 {
  return load<i32>(edgesAt + <usize>edge * 12);
}

export function edgeLength(edge: i32): i32 {
  return load<i32>(edgesAt + <usize>edge * 12, 4);
}

export function edgeNode(edge: i32): i32 {
  return load<i32>(edgesAt + <usize>edge * 12, 8);
}
