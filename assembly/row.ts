// The text of a feature row. Head and pieces are the host's, and most of them those of the row
// before.
//
//   head │ piece 0 │ number 0 │ piece 1 │ number 1 │ … │ last piece
import { pieceEnds, pieces, pieceStarts, row, rowHead, rowNumbers } from './layout';
import { writeNumber } from './shortest';

/**
 * Writes a row of `numbers` numbers and returns its bytes; 0 where there is a number that it leaves
 * to the host.
 */
export function writeRow(headBytes: i32, numbers: i32): i32 {
  memory.copy(row, rowHead, <usize>headBytes);
  let at = row + <usize>headBytes;
  for (let index = 0; ; index += 1) {
    const place = (<usize>index) << 2;
    const start: usize = load<i32>(pieceStarts + place);
    const bytes = <usize>load<i32>(pieceEnds + place) - start;
    memory.copy(at, pieces + start, bytes);
    at += bytes;
    if (index == numbers) return <i32>(at - row);
    at = writeNumber(at, load<f64>(rowNumbers + ((<usize>index) << 3)));
    if (at == 0) return 0;
  }
  return 0;
}
