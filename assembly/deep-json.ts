// Scans readings in declared JSON records: any nesting, several values. A producer usually writes
// the same fields in the same way, so the bytes between two leaves rarely change from one record to
// the next. They are learned as a template, checked once, and only compared from then on. A record
// that does not fit the template is walked along the trie of the declaration. A record that neither
// can read for certain is left to the host.
//
//   {"meta":{"device":"d1"},"ts":1700000040000,"payload":{"temp":20.5}}
//   └─────── 0 ──────┘    └──── 1 ────┘             └──────── 2 ──────┘    └ the end
import { sameBytes } from './bytes';
import { begin, takeLeaf } from './found';
import { skipSpace, stringEnd } from './json';
import {
  memberNames,
  nodeSeen,
  shapeNames,
  stackIndexes,
  stackNodes,
  templateArguments,
  templateBytes,
  templateEnds,
  templateRoles,
  templateSuffixes,
  leafArguments,
  leafEnds,
  leafRoles,
  leafStarts,
  leafSuffixes,
} from './layout';
import {
  arrayNode,
  edgeCount,
  edgeLength,
  edgeName,
  edgeNode,
  firstEdge,
  nodeKind,
  nodeRole,
  objectNode,
  roleEvery,
  roleMember,
  roleOther,
} from './shape';

const quote: u32 = 0x22;
const comma: u32 = 0x2c;
const colon: u32 = 0x3a;
const braceOpen: u32 = 0x7b;
const braceClose: u32 = 0x7d;
const bracketOpen: u32 = 0x5b;
const bracketClose: u32 = 0x5d;

const depthMax: i32 = 24;
const membersMax: i32 = 64;
/** Records with more leaves, or with more bytes between them, are always walked. */
const leavesMax: i32 = 128;
const templateBytesMax: usize = 4096;
/** After this many records that did not fit the template, another one is learned. */
const missesMax: i32 = 8;

let templateLeaves: i32 = -1;
let misses: i32 = missesMax;
let walks: u32 = 0;

/** Finds the readings of the record in bytes [start, end); false where it is left to the host. */
export function scanDeep(start: usize, end: usize): bool {
  let last = end - 1;
  while (last > start && isSpaceByte(load<u8>(last))) last -= 1;
  if (last <= start || load<u8>(last) != braceClose) return false;
  begin();
  if (fitTemplate(start, last)) return true;
  begin();
  if (!walk(start, last)) return false;
  misses += 1;
  if (misses > missesMax) learn(start, last);
  return true;
}

function isSpaceByte(byte: u32): bool {
  return byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09;
}

/** Takes the leaves of a record that has the template's bytes; false where it has others. */
function fitTemplate(start: usize, last: usize): bool {
  if (templateLeaves < 0) return false;
  let at = start;
  let from: usize = templateBytes;
  for (let leaf = 0; leaf < templateLeaves; leaf += 1) {
    const to = templateBytes + <usize>load<u16>(templateEnds + ((<usize>leaf) << 1));
    const length = to - from;
    if (at + length > last || !sameBytes(at, from, length)) return false;
    at = takeLeaf(
      load<u8>(templateRoles + <usize>leaf),
      load<u8>(templateArguments + <usize>leaf),
      load<u64>(templateSuffixes + ((<usize>leaf) << 3)),
      at + length,
      last,
    );
    if (at == 0) return false;
    from = to;
  }
  const end = templateBytes + <usize>load<u16>(templateEnds + ((<usize>templateLeaves) << 1));
  return at + (end - from) == last + 1 && sameBytes(at, from, end - from);
}

/** Takes the bytes between the leaves of the record walked last, and what the leaves are for. */
function learn(start: usize, last: usize): void {
  misses = 0;
  if (leaves > leavesMax) return;
  let between = last + 1 - start;
  for (let leaf = 0; leaf < leaves; leaf += 1) {
    const at4 = (<usize>leaf) << 2;
    between -= load<u32>(leafEnds + at4) - load<u32>(leafStarts + at4);
  }
  if (between > templateBytesMax) return;
  let to: usize = templateBytes;
  let at = start;
  for (let leaf = 0; leaf <= leaves; leaf += 1) {
    const at4 = (<usize>leaf) << 2;
    const next: usize = leaf == leaves ? last + 1 : load<u32>(leafStarts + at4);
    memory.copy(to, at, next - at);
    if (leaf < leaves) keepLeaf(leaf, to - at);
    to += next - at;
    store<u16>(templateEnds + ((<usize>leaf) << 1), <u16>(to - templateBytes));
    at = load<u32>(leafEnds + at4);
  }
  templateLeaves = leaves;
}

/** `moved`: how far the bytes before the leaf were, with the name of a member in them. */
function keepLeaf(leaf: i32, moved: usize): void {
  const role = load<u8>(leafRoles + <usize>leaf);
  let suffix = load<u64>(leafSuffixes + ((<usize>leaf) << 3));
  if (role == <u8>roleMember) {
    const nameStart = <u32>suffix + <u32>moved;
    suffix = (suffix & 0xffffffff00000000) | (<u64>nameStart);
  }
  store<u8>(templateRoles + <usize>leaf, role);
  store<u8>(templateArguments + <usize>leaf, load<u8>(leafArguments + <usize>leaf));
  store<u64>(templateSuffixes + ((<usize>leaf) << 3), suffix);
}

// The walk.

/** Of the record walked last; more than leavesMax where they were not kept. */
let leaves: i32 = 0;
let members: i32 = 0;
/** Node and role of the value that begins next. */
let node: i32 = 0;
let role: i32 = 0;
let suffix: u64 = 0;

/** Walks the record, whose closing brace is at `last`, along the trie; false where it is odd. */
function walk(start: usize, last: usize): bool {
  leaves = 0;
  members = 0;
  walks += 1;
  node = 0;
  role = nodeRole(0) & 0xff;
  let depth: i32 = 0;
  let at = start;
  while (at <= last) {
    const byte: u32 = load<u8>(at);
    if (byte == braceOpen || byte == bracketOpen) {
      if (role != roleOther && role != roleEvery && role != roleMember) return false;
      if (depth == depthMax) return false;
      depth += 1;
      enter(depth, byte == bracketOpen);
      at = skipSpace(at + 1);
      const first: u32 = load<u8>(at);
      if (first != (byte == braceOpen ? braceClose : bracketClose)) {
        at = nextValue(depth, at, last);
        if (at == 0) return false;
        continue;
      }
    } else {
      const end = takeLeaf(role, argumentOf(node), suffix, at, last);
      if (end == 0) return false;
      noteLeaf(at, end);
      at = skipSpace(end);
    }
    // Behind a value: the next one of its container, or the end of the container.
    for (;;) {
      const behind: u32 = load<u8>(at);
      if (behind == comma) {
        at = nextValue(depth, skipSpace(at + 1), last);
        if (at == 0) return false;
        break;
      }
      if (behind != (indexOf(depth) < 0 ? braceClose : bracketClose)) return false;
      depth -= 1;
      if (depth == 0) return at == last;
      at = skipSpace(at + 1);
    }
  }
  return false;
}

function enter(depth: i32, isArray: bool): void {
  const at = (<usize>depth) << 2;
  const kind = isArray ? arrayNode : objectNode;
  store<i32>(stackNodes + at, node >= 0 && nodeKind(node) == kind ? node : -1);
  store<i32>(stackIndexes + at, isArray ? 0 : -1);
}

/** The index of the next element of the container at `depth`; below 0 in an object. */
function indexOf(depth: i32): i32 {
  return load<i32>(stackIndexes + ((<usize>depth) << 2));
}

/** Sets what the next value of the container is for; returns where it begins, or 0. */
function nextValue(depth: i32, start: usize, last: usize): usize {
  const container = load<i32>(stackNodes + ((<usize>depth) << 2));
  const index = indexOf(depth);
  suffix = 0;
  if (index >= 0) {
    store<i32>(stackIndexes + ((<usize>depth) << 2), index + 1);
    node = container < 0 ? -1 : elementOf(container, index);
    role = roleOf(node);
    return start;
  }
  if (load<u8>(start) != quote) return 0;
  const name = start + 1;
  let at = stringEnd(name, last);
  if (at == 0) return 0;
  const length = at - 1 - name;
  at = skipSpace(at);
  if (load<u8>(at) != colon) return 0;
  node = container < 0 ? -1 : memberOf(container, name, length);
  role = roleOf(node);
  if (node >= 0) {
    // Of duplicate keys the last wins: the host knows how.
    if (load<u32>(nodeSeen + ((<usize>node) << 2)) == walks) return 0;
    store<u32>(nodeSeen + ((<usize>node) << 2), walks);
  } else if (container >= 0 && (nodeRole(container) & 0xff) == roleEvery) {
    if (!isNewMember(name, length)) return 0;
    role = roleMember;
    suffix = (<u64>name) | ((<u64>length) << 32);
  }
  return skipSpace(at + 1);
}

function roleOf(one: i32): i32 {
  return one < 0 ? roleOther : nodeRole(one) & 0xff;
}

function argumentOf(one: i32): i32 {
  return one < 0 ? 0 : nodeRole(one) >> 8;
}

function elementOf(container: i32, index: i32): i32 {
  const first = firstEdge(container);
  for (let edge = first; edge < first + edgeCount(container); edge += 1) {
    if (edgeName(edge) == index) return edgeNode(edge);
  }
  return -1;
}

function memberOf(container: i32, name: usize, length: usize): i32 {
  const first = firstEdge(container);
  for (let edge = first; edge < first + edgeCount(container); edge += 1) {
    if (<usize>edgeLength(edge) != length) continue;
    if (sameBytes(shapeNames + <usize>edgeName(edge), name, length)) return edgeNode(edge);
  }
  return -1;
}

/**
 * Whether a member's name is one of a sensor, and no other member's. Names that begin with a digit
 * are left to the host, which lists those that are indexes first.
 */
function isNewMember(name: usize, length: usize): bool {
  if (length == 0 || <u32>load<u8>(name) - 0x30 <= 9 || members == membersMax) return false;
  for (let member = 0; member < members; member += 1) {
    const at = memberNames + ((<usize>member) << 3);
    if (load<u32>(at, 4) == <u32>length && sameBytes(load<u32>(at), name, length)) return false;
  }
  const at = memberNames + ((<usize>members) << 3);
  store<u32>(at, <u32>name);
  store<u32>(at, <u32>length, 4);
  members += 1;
  return true;
}

function noteLeaf(start: usize, end: usize): void {
  leaves += 1;
  if (leaves > leavesMax) return;
  const leaf = <usize>(leaves - 1);
  store<u32>(leafStarts + (leaf << 2), <u32>start);
  store<u32>(leafEnds + (leaf << 2), <u32>end);
  store<u8>(leafRoles + leaf, <u8>role);
  store<u8>(leafArguments + leaf, <u8>argumentOf(node));
  store<u64>(leafSuffixes + (leaf << 3), suffix);
}
