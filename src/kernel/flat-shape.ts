// The shape of readings that the kernel scans by itself: a flat JSON object whose id is a text, and
// time and value are numbers. Records of other declared shapes are read in JavaScript.
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
const timeUnits = ['ms', 's', 'us', 'ns'];
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

/** Tells an instance in `memory` what to scan. */
export function writeShape(
  exports: KernelExports,
  { buffer }: WebAssembly.Memory,
  { fields, timeUnit, isDeclared }: FlatShape,
): void {
  const words = (at: WebAssembly.Global, count: number): Int32Array =>
    new Int32Array(buffer, at.value, count);
  const stride = exports.fieldNameBytes.value;
  const lengths = words(exports.fieldNameLengths, fields.length);
  for (const [index, name] of fields.entries()) {
    const quoted = Buffer.from(`${name}"`);
    new Uint8Array(buffer, exports.fieldNames.value + index * stride, stride).set(quoted);
    lengths[index] = quoted.length;
  }
  words(exports.timeUnit, 1)[0] = timeUnits.indexOf(timeUnit);
  words(exports.isDeclared, 1)[0] = Number(isDeclared);
}
