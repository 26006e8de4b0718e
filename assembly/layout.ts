// Where things lie in the memory, which is the host's: below `dataEnd` what this module works with,
// above it the columns of a shard. Fixed places and not `memory.data`, whose zeros would be part of
// the module.

export const rowsMax: i32 = 2048;
export const windowBytes: i32 = 131072;

/** Part of a batch. Words are read eight bytes at a time, up to 16 past the end; never used. */
export const window: usize = 1024;

// By row.
export const starts: usize = window + <usize>windowBytes + 64;
export const idStarts: usize = starts + 4 * <usize>rowsMax;
export const idEnds: usize = idStarts + 4 * <usize>rowsMax;
export const offsets: usize = idEnds + 4 * <usize>rowsMax;
export const recordTimesMs: usize = offsets + 8 * <usize>rowsMax;
export const timestampsMs: usize = recordTimesMs + 8 * <usize>rowsMax;
export const values: usize = timestampsMs + 8 * <usize>rowsMax;
export const kinds: usize = values + 8 * <usize>rowsMax;

/**
 * The powers of five that src/kernel/powers-of-five.ts makes: two words each, the high one first.
 */
export const powersOfFive: usize = kinds + <usize>rowsMax;

// Values the host writes before a fold and reads after it, in the order of src/kernel/row-fold.ts.
export const places: usize = powersOfFive + 16 * 651;
export const numbers: usize = places + 4 * 32;

/**
 * By the state of a sensor's lifecycle: the next one, after a reading of one still warming, and of
 * one that is warm.
 */
export const afterRead: usize = numbers + 8 * 32;
export const afterReadWarm: usize = afterRead + 16;

/** Numbers a row may hold. */
export const rowNumbersMax: i32 = 128;
export const piecesBytes: i32 = 16384;

// A feature row: its head, then by turns a piece of text and a number, then the last piece.
export const rowHead: usize = afterReadWarm + 16;
export const rowHeadBytes: i32 = 512;
export const pieces: usize = rowHead + <usize>rowHeadBytes;
/** Of each piece, from `pieces` on. */
export const pieceStarts: usize = pieces + <usize>piecesBytes;
export const pieceEnds: usize = pieceStarts + 4 * (<usize>rowNumbersMax + 4);
export const rowNumbers: usize = pieceEnds + 4 * (<usize>rowNumbersMax + 4);
/** The digits of a number. */
export const scratch: usize = rowNumbers + 8 * <usize>rowNumbersMax;
/** Room for all pieces, and for numbers of up to 25 bytes. */
export const row: usize = scratch + 32;
export const rowBytes: i32 = rowHeadBytes + piecesBytes + 25 * rowNumbersMax;

// The shape of readings as JSON, which the host writes: the fields' names, each with its closing
// quote, in the order id, time, value; their lengths; the unit of time; whether it is declared.
export const fieldNameBytes: i32 = 64;
export const fieldNames: usize = (row + <usize>rowBytes + 7) & ~7;
export const fieldNameLengths: usize = fieldNames + 3 * <usize>fieldNameBytes;
export const timeUnit: usize = fieldNameLengths + 4 * 3;
export const isDeclared: usize = timeUnit + 4;

// The shape of declared records that are no flat ones: assembly/shape.ts says which words they are.
export const isDeep: usize = isDeclared + 4;
export const shapeWords: usize = (isDeep + 4 + 7) & ~7;
export const shapeNames: usize = shapeWords + 4 * (8 + 2 * 64 + 4 * 160 + 3 * 160);

// Findings in one of them: parts of the id, values by slot, and where their names are.
export const foundIds: usize = shapeNames + 8192 + 64;
export const slotValues: usize = foundIds + 8 * 8;
export const slotSuffixes: usize = slotValues + 8 * 64;
export const slotSeen: usize = slotSuffixes + 8 * 64;

// The walk through it: nodes seen, containers that are open, leaves, names of members.
export const nodeSeen: usize = slotSeen + 4 * 64;
export const stackNodes: usize = nodeSeen + 4 * 160;
export const stackIndexes: usize = stackNodes + 4 * 32;
export const leafStarts: usize = stackIndexes + 4 * 32;
export const leafEnds: usize = leafStarts + 4 * 128;
export const leafSuffixes: usize = leafEnds + 4 * 128;
export const leafRoles: usize = leafSuffixes + 8 * 128;
export const leafArguments: usize = leafRoles + 128;
export const memberNames: usize = leafArguments + 128;

// The bytes between the leaves of such records, and what the leaves are for.
export const templateSuffixes: usize = memberNames + 8 * 64;
export const templateEnds: usize = templateSuffixes + 8 * 128;
export const templateRoles: usize = templateEnds + 2 * 132;
export const templateArguments: usize = templateRoles + 128;
export const templateBytes: usize = templateArguments + 128;

// By row of such records: which record it is of, and the first row behind that record.
export const recordIndexes: usize = (templateBytes + 4096 + 64 + 7) & ~7;
export const recordEnds: usize = recordIndexes + 4 * <usize>rowsMax;
/** Ids of sensors that stand in no record as they are. */
export const idArena: usize = recordEnds + 4 * <usize>rowsMax;
export const idArenaBytes: i32 = 131072;

/** A copy of a sensor's numbers, to take back what a flagged reading changed. */
export const slotBefore: usize = idArena + <usize>idArenaBytes;

// The compiler's own data is at 458752: scripts/assembly.mjs says so.

/** Where the columns of a shard may begin: at a page of memory. */
export const dataEnd: usize = 524288;
