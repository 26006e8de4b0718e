// The order in which people expect ids: numbers inside them by value, so sensor_9 comes before
// sensor_10. Written out instead of Intl.Collator: processes of one group may run different ICU
// versions, and pages merged from several processes need one order.

const zero = 48;
const nine = 57;

/** Returns a negative number if `a` comes first, positive if `b` does, 0 only for equal ids. */
export function compareNaturally(a: string, b: string): number {
  let at = 0;
  let bt = 0;
  while (at < a.length && bt < b.length) {
    const left = a.charCodeAt(at);
    const right = b.charCodeAt(bt);
    if (isDigit(left) && isDigit(right)) {
      const [aEnd, bEnd] = [runEnd(a, at), runEnd(b, bt)];
      const difference = compareRuns(a.slice(at, aEnd), b.slice(bt, bEnd));
      if (difference !== 0) return difference;
      [at, bt] = [aEnd, bEnd];
    } else {
      if (left !== right) return left - right;
      at += 1;
      bt += 1;
    }
  }
  const rest = a.length - at - (b.length - bt);
  if (rest !== 0) return rest;
  // Equal but for leading zeros.
  return a < b ? -1 : a === b ? 0 : 1;
}

function isDigit(code: number): boolean {
  return code >= zero && code <= nine;
}

function runEnd(text: string, from: number): number {
  let end = from;
  while (end < text.length && isDigit(text.charCodeAt(end))) end += 1;
  return end;
}

function compareRuns(a: string, b: string): number {
  const [left, right] = [withoutZeros(a), withoutZeros(b)];
  if (left.length !== right.length) return left.length - right.length;
  return left < right ? -1 : left === right ? 0 : 1;
}

function withoutZeros(digits: string): string {
  let from = 0;
  while (digits.charCodeAt(from) === zero) from += 1;
  return from === 0 ? digits : digits.slice(from);
}
