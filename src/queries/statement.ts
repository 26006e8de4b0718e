// The one statement of a query, checked as the engine's own parser reads it: a SELECT over our
// views. Everything that could change a file, a setting or the machine is another kind of statement
// or a table function, and is refused before it runs.
import { ConfigError } from '../errors.ts';
import { literal, type Engine } from './engine.ts';

export interface Statement {
  readonly sql: string;
  /** Names of the tables and views it reads, without those of its own WITH clauses. */
  readonly tables: ReadonlySet<string>;
  /** Whether it lists the views, as SHOW TABLES does. */
  readonly lists: boolean;
}

/** Table functions that compute from their arguments alone. */
const harmless: ReadonlySet<string> = new Set(['generate_series', 'range', 'unnest']);

/** Returns the statement in `sql`. @throws ConfigError where it is not a single SELECT */
export async function checkedStatement(engine: Engine, sql: string): Promise<Statement> {
  const { rows } = await engine.rows(`SELECT json_serialize_sql(${literal(sql)})`, 1);
  const parsed = JSON.parse(rows[0]?.[0] ?? '{}') as Parsed;
  if (parsed.error) {
    const isSyntax = parsed.error_type === 'parser';
    throw new ConfigError(isSyntax ? syntaxMessage(sql, parsed) : notSelect);
  }
  if (parsed.statements?.length !== 1) throw new ConfigError(notSelect);
  const found: Found = { tables: new Set(), functions: new Set(), own: new Set(), lists: false };
  collect(parsed.statements, found);
  for (const name of found.functions) {
    if (harmless.has(name)) continue;
    throw new ConfigError(
      `${name}() is not available: a query reads the views only; DESCRIBE <view> shows their columns`,
    );
  }
  const tables = new Set([...found.tables].filter((name) => !found.own.has(name)));
  return { sql, tables, lists: found.lists };
}

interface Parsed {
  readonly error: boolean;
  readonly error_type?: string;
  readonly error_message?: string;
  /** In characters from the start, as text. */
  readonly position?: string;
  readonly statements?: readonly unknown[];
}

const notSelect = 'expected one SELECT statement (or DESCRIBE, SUMMARIZE, SHOW TABLES)';

function syntaxMessage(sql: string, { error_message: reason = '', position }: Parsed): string {
  const at = Number(position ?? NaN);
  const near = Number.isSafeInteger(at) ? sql.slice(at, at + 30).trim() : '';
  return `${reason}${near === '' ? '' : ` near: ${near}`}`;
}

interface Found {
  readonly tables: Set<string>;
  readonly functions: Set<string>;
  /** Names that WITH clauses define. */
  readonly own: Set<string>;
  lists: boolean;
}

function collect(node: unknown, found: Found): void {
  if (Array.isArray(node)) {
    for (const child of node) collect(child, found);
    return;
  }
  if (typeof node !== 'object' || node === null) return;
  const { type, table_name: table, schema_name: schema, ...rest } = node as SyntaxNode;
  // The tables of other schemas are the engine's own, such as information_schema.columns.
  if (type === 'BASE_TABLE' && (schema ?? '') === '') found.tables.add(table ?? '');
  // DESCRIBE and SUMMARIZE name a table, SHOW TABLES none.
  if (type === 'SHOW_REF' && rest.show_type === 'SHOW_UNQUALIFIED') found.lists = true;
  if (type === 'TABLE_FUNCTION') found.functions.add(functionName(rest.function));
  for (const { key } of rest.cte_map?.map ?? []) found.own.add(key);
  for (const child of Object.values(node)) collect(child, found);
}

interface SyntaxNode {
  readonly type?: string;
  readonly table_name?: string;
  readonly schema_name?: string;
  readonly show_type?: string;
  readonly function?: unknown;
  readonly cte_map?: { readonly map?: readonly { readonly key: string }[] };
}

function functionName(call: unknown): string {
  const name: unknown =
    typeof call === 'object' && call !== null && Reflect.get(call, 'function_name');
  return typeof name === 'string' ? name.toLowerCase() : 'a table function';
}
