// Slots close ranks when sensors are forgotten: each column moves the rows of those that stay to
// the front, in their order, and zeroes what is left behind them, as if no slot had ever been given
// there.

/** Moves row `kept[slot]` of `stride` elements to row `slot`, for all of `rows` rows. */
export function keepRows(
  column: Float64Array | Int32Array | Uint8Array,
  stride: number,
  kept: Int32Array,
  rows: number,
): void {
  let slot = 0;
  while (slot < kept.length) {
    const from = kept[slot] ?? 0;
    let length = 1;
    while (kept[slot + length] === from + length) length += 1;
    if (from !== slot) column.copyWithin(slot * stride, from * stride, (from + length) * stride);
    slot += length;
  }
  column.fill(0, kept.length * stride, rows * stride);
}
