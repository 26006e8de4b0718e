// Fields of a shape → how to take them from a row: a column of a table by its place, a field of an
// object by its path.
import { valueAt } from '../codecs/input-reader.ts';
import { pathText, type FieldPath } from '../sensors/input-declaration.ts';

/** Returns what a row has in one field; undefined where nothing is there. */
export type TakeField = (row: unknown) => unknown;

export interface TakenMember {
  readonly name: string;
  readonly found: unknown;
}

export interface RowFields {
  /** The field's place is known; undefined where no row can have it. */
  take(path: FieldPath): TakeField | undefined;
  /** Returns the members of the object at `under`: of a table the columns `under.*`. */
  members(under: FieldPath): (row: unknown) => readonly TakenMember[];
  /** Names of all columns; undefined where each row names its own. */
  readonly columns: readonly string[] | undefined;
}

/** Returns the fields of rows that are lists of cells. Names are compared without their case. */
export function tableFields(columns: readonly string[], shiftedBy: number): RowFields {
  const lower = columns.map((name) => name.trim().toLowerCase());
  const cell = (row: unknown, index: number): unknown => {
    const text = (row as readonly string[])[index + shiftedBy];
    return text === '' ? undefined : text;
  };
  return {
    columns,
    take(path) {
      const index = placeOf(path, columns, lower);
      return index < 0 ? undefined : (row) => cell(row, index);
    },
    members(under) {
      const prefix = under.length === 0 ? '' : `${pathText(under)}.`.toLowerCase();
      const found = columns.flatMap((column, index) =>
        lower[index]?.startsWith(prefix) === true
          ? [{ name: column.trim().slice(prefix.length), index }]
          : [],
      );
      return (row) => found.map(({ name, index }) => ({ name, found: cell(row, index) }));
    },
  };
}

function placeOf(path: FieldPath, columns: readonly string[], lower: readonly string[]): number {
  const names = [path.length === 1 ? String(path[0]) : '', pathText(path)];
  for (const name of names) {
    if (name === '') continue;
    const exact = columns.indexOf(name);
    if (exact >= 0) return exact;
  }
  return lower.findIndex((column) => names.some((name) => name.toLowerCase() === column));
}

/** Returns the fields of rows that are objects; `columns` where all have the same. */
export function objectFields(columns?: readonly string[]): RowFields {
  return {
    columns,
    take(path) {
      const [first] = path;
      if (columns === undefined) return (row) => presentAt(row, path);
      const column = columnOf(String(first), columns) ?? columnOf(pathText(path), columns);
      if (column === undefined) return undefined;
      const own = column.toLowerCase() === String(first).toLowerCase();
      const inner: FieldPath = own ? [column, ...path.slice(1)] : [column];
      return (row) => presentAt(row, inner);
    },
    members(under) {
      return (row) => {
        const object = under.length === 0 ? row : valueAt(row, under);
        if (typeof object !== 'object' || object === null || Array.isArray(object)) return [];
        return Object.entries(object).map(([name, found]: [string, unknown]) => ({ name, found }));
      };
    },
  };
}

function columnOf(name: string, columns: readonly string[]): string | undefined {
  const lower = name.toLowerCase();
  return (
    columns.find((column) => column === name) ??
    columns.find((column) => column.trim().toLowerCase() === lower)
  );
}

/** null is nothing, as an empty cell is. */
function presentAt(row: unknown, path: FieldPath): unknown {
  return valueAt(row, path) ?? undefined;
}
