// The shapes that the kernel scans: flat records of one value, or declared ones of any nesting and
// several values. Where it knows neither, records are read in JavaScript.
import type { InputDeclaration } from '../sensors/input-declaration.ts';
import { deepShapeOf, writeDeepShape, type DeepShape } from './deep-shape.ts';
import { flatShapeOf, timeUnits, writeFlatShape, type FlatShape } from './flat-shape.ts';
import type { KernelExports } from './instance.ts';

export type KernelShape = FlatShape | DeepShape;

/** Returns the shape in which the kernel reads declared records; undefined where in none. */
export function shapeOf(declaration: InputDeclaration): KernelShape | undefined {
  return flatShapeOf(declaration) ?? deepShapeOf(declaration);
}

/** Tells an instance in `memory` what to scan. */
export function writeShape(
  exports: KernelExports,
  memory: WebAssembly.Memory,
  shape: KernelShape,
): void {
  const isDeep = 'root' in shape;
  if (isDeep) writeDeepShape(exports, memory, shape);
  else writeFlatShape(exports, memory, shape);
  const setWord = (at: WebAssembly.Global, word: number): void => {
    new Int32Array(memory.buffer, at.value, 1)[0] = word;
  };
  setWord(exports.isDeep, Number(isDeep));
  setWord(exports.isDeclared, Number(isDeep || shape.isDeclared));
  setWord(exports.timeUnit, timeUnits.indexOf(shape.timeUnit));
}
