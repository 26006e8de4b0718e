// A measured value as users send it → a number: JSON numbers, and by declaration numeric text and
// booleans. A decimal comma never: "21,5" may be two numbers.
import type { DeadLetterReason } from '../sensors/reading.ts';
import type { ValueType } from '../sensors/input-declaration.ts';
import { numberOf } from './input-time.ts';
import { shown, valueReason } from './reading-limits.ts';

const booleanTexts: ReadonlyMap<string, number> = new Map([
  ['true', 1],
  ['on', 1],
  ['false', 0],
  ['off', 0],
]);

/** Returns the number that `found` stands for among `types`; undefined for anything else. */
export function valueOf(found: unknown, types: readonly ValueType[]): number | undefined {
  switch (typeof found) {
    case 'number':
      return types.includes('number') ? found : undefined;
    case 'boolean':
      return types.includes('boolean') ? Number(found) : undefined;
    case 'string':
      return (
        (types.includes('text') ? numberOf(found) : undefined) ??
        (types.includes('boolean') ? booleanTexts.get(found.toLowerCase()) : undefined)
      );
    default:
      return undefined;
  }
}

/** Returns why `found`, at `field`, is no value; null where it is one. */
export function noValueReason(
  found: unknown,
  field: string,
  types: readonly ValueType[],
): DeadLetterReason | null {
  const value = valueOf(found, types);
  if (value !== undefined) {
    const outOfRange = valueReason(value);
    if (outOfRange === null) return null;
    return { code: outOfRange.code, message: `${field}: ${outOfRange.message}` };
  }
  const expected = types.map((type) => expectations[type]).join(' or ');
  const message = `expected ${field} to be ${expected}, got ${shown(found)}`;
  return { code: 'value_type', message: `${message}${cureOf(found, types)}` };
}

const expectations: Readonly<Record<ValueType, string>> = {
  number: 'a number',
  text: 'the text of a number',
  boolean: 'true, false, on or off',
};

/** A text or a boolean becomes a value where the declaration says so; the message says how. */
function cureOf(found: unknown, types: readonly ValueType[]): string {
  const missing = (['text', 'boolean'] as const).find(
    (type) => !types.includes(type) && valueOf(found, [type]) !== undefined,
  );
  return missing === undefined ? '' : `; declare value_types: [${[...types, missing].join(', ')}]`;
}
