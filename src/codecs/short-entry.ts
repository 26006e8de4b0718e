// A forward of a declared shape that its topic does not take → the same readings in fewer bytes:
// only the fields that the declaration names, each where it was.
import type { FieldPath, InputDeclaration } from '../sensors/input-declaration.ts';
import { withoutInfinity } from './input-entries.ts';
import { valueAt, type Entry } from './input-reader.ts';
import { inTimeUnit } from './schema-time.ts';

/** Returns the value of a record that holds the declared fields of `entry` and nothing else. */
export function shortEntry(
  entry: Pick<Entry, 'timestampMs' | 'value'>,
  declaration: InputDeclaration,
): Uint8Array {
  const short = {};
  for (const path of fieldsOf(entry.value, declaration)) {
    const found = valueAt(entry.value, path);
    if (found !== undefined) put(short, path, found);
  }
  const { time, timeUnit } = declaration;
  if (time !== 'record' && timeUnit === 'ns' && typeof valueAt(short, time) === 'number') {
    // A double of nanoseconds may lie in the millisecond before; the middle of its own does not.
    put(short, time, inTimeUnit(entry.timestampMs, 'ms', 'ns'));
  }
  const whole = declaration.format === 'json-array' ? [short] : short;
  return Buffer.from(JSON.stringify(whole, withoutInfinity));
}

function fieldsOf(value: object, declaration: InputDeclaration): readonly FieldPath[] {
  const { id, time, measurements } = declaration;
  const others = [...(id === 'key' ? [] : id), ...(time === 'record' ? [] : [time])];
  switch (measurements.kind) {
    case 'one':
      return [...others, measurements.field];
    case 'several':
      return [...others, ...measurements.fields.map(({ field }) => field)];
    case 'long':
      return [...others, measurements.metric, measurements.field];
    case 'every': {
      const { under } = measurements;
      const object = under.length === 0 ? value : valueAt(value, under);
      const names = typeof object === 'object' && object !== null ? Object.entries(object) : [];
      const scalars = names.filter(([, found]) => typeof found !== 'object');
      return [...others, ...scalars.map(([name]): FieldPath => [...under, name])];
    }
    default:
      return measurements satisfies never;
  }
}

type Container = Record<string | number, unknown>;

function put(root: object, path: FieldPath, leaf: unknown): void {
  let at = root as Container;
  for (const [index, step] of path.entries()) {
    const next = path[index + 1];
    const inner = next === undefined ? leaf : containerAt(at, step, next);
    // Defined, not assigned: a member named __proto__ is one like any other.
    Object.defineProperty(at, step, {
      value: inner,
      enumerable: true,
      configurable: true,
      writable: true,
    });
    at = inner as Container;
  }
}

function containerAt(at: Container, step: string | number, next: string | number): unknown {
  if (Object.hasOwn(at, step)) return at[step];
  return typeof next === 'number' ? [] : {};
}
