// The plainest shape of readings that the kernel scans: a flat JSON object whose id is a text, and
// time and value are numbers.
import type { InputDeclaration, TimeUnit } from '../sensors/input-declaration.ts';
import type { KernelExports } from './instance.ts';

export interface FlatShape {
  /** Names of id, time and value. */
  readonly fields: readonly [string, string, string];
  readonly timeUnit: TimeUnit;
  /** Records of a declared shape are JSON, and their times are checked against the records'. */
  readonly isDeclared: boolean;
}

export const defaultShape: FlatShape = {
  fields: ['sensor_id', 'timestamp', 'value'],
  timeUnit: 'ms',
  isDeclared: false,
};

/** In the order of assembly/time-unit.ts. */
export const timeUnits: readonly TimeUnit[] = ['ms', 's', 'us', 'ns'];
/** Written in JSON as they are. */
const plainName = /^[ !#-[\]-~]{1,62}$/;

/**
 * Returns the shape in which the kernel reads records of `declaration`; undefined where in none.
 */
export function flatShapeOf(declaration: InputDeclaration): FlatShape | undefined {
  const { format, id, measurements, time, timeUnit, valueTypes } = declaration;
  if (format !== 'json' || id === 'key' || time === 'record' || id.length !== 1) return undefined;
  if (measurements.kind !== 'one' || !valueTypes.includes('number')) return undefined;
  const paths = [id[0] ?? [], time, measurements.field];
  const names = paths.flatMap(([name, ...inner]) =>
    typeof name === 'string' && inner.length === 0 && plainName.test(name) ? [name] : [],
  );
  const [idName, timeName, valueName] = names;
  if (idName === undefined || timeName === undefined || valueName === undefined) return undefined;
  if (new Set(names).size < 3 || !timeUnits.includes(timeUnit)) return undefined;
  return { fields: [idName, timeName, valueName], timeUnit, isDeclared: true };
}

/** Tells an instance in `memory` the names of the fields. */
export function writeFlatShape(
  exports: KernelExports,
  { buffer }: WebAssembly.Memory,
  { fields }: FlatShape,
): void {
  const stride = exports.fieldNameBytes.value;
  const lengths = new Int32Array(buffer, exports.fieldNameLengths.value, fields.length);
  for (const [index, name] of fields.entries()) {
    const quoted = Buffer.from(`${name}"`);
    new Uint8Array(buffer, exports.fieldNames.value + index * stride, stride).set(quoted);
    lengths[index] = quoted.length;
  }
}
