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

// What the host says before a fold and reads after it, in the order of src/kernel/row-fold.ts.
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

// The compiler's own data is at 327680: scripts/assembly.mjs says so.

/** Where the columns of a shard may begin: at a page of memory. */
export const dataEnd: usize = 393216;
