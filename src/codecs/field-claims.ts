// The fields that a declaration names, each with what it is for: what a picker walks towards in the
// bytes of a record, while it skips all others. Next on the line: avro-pick.ts.
import {
  escapedPart,
  pathText,
  type FieldPath,
  type InputDeclaration,
} from '../sensors/input-declaration.ts';
import { idPart } from './input-id.ts';

export type FieldRole =
  | { readonly kind: 'id'; readonly part: number }
  | { readonly kind: 'time' }
  | { readonly kind: 'metric' }
  | { readonly kind: 'value'; readonly slot: number }
  /** Each numeric member of the object is a value. */
  | { readonly kind: 'every' };

export interface FieldClaim {
  /** The rest of the path, from the place of the picker on. */
  readonly path: FieldPath;
  readonly role: FieldRole;
}

/** A value that a record may have. */
export interface PickedMeasurement {
  /** As the user wrote it. */
  readonly field: string;
  /** Bytes of the sensor's id behind its device's; empty where the device is the sensor. */
  readonly suffix: Uint8Array;
}

/** Returns the measurement named `name` at `path`; undefined where no id can end with its name. */
export function namedMeasurement(name: string, path: FieldPath): PickedMeasurement | undefined {
  const field = pathText(path);
  if (typeof idPart(name, field) !== 'string') return undefined;
  return { field, suffix: Buffer.from(`/${escapedPart(name)}`) };
}

/** Returns the declared fields. */
export function claimsOf({ id, measurements, time }: InputDeclaration): readonly FieldClaim[] {
  const claims: FieldClaim[] = [];
  const claim = (path: FieldPath, role: FieldRole): void => {
    claims.push({ path, role });
  };
  if (id !== 'key') id.forEach((path, part) => claim(path, { kind: 'id', part }));
  if (time !== 'record') claim(time, { kind: 'time' });
  switch (measurements.kind) {
    case 'one':
      claim(measurements.field, { kind: 'value', slot: 0 });
      break;
    case 'several':
      measurements.fields.forEach(({ field }, slot) => claim(field, { kind: 'value', slot }));
      break;
    case 'long':
      claim(measurements.metric, { kind: 'metric' });
      claim(measurements.field, { kind: 'value', slot: 0 });
      break;
    case 'every':
      claim(measurements.under, { kind: 'every' });
      break;
    default:
      measurements satisfies never;
  }
  return claims;
}

/** Returns the claims on what stands at `step`, seen from there. */
export function claimsAt(
  claims: readonly FieldClaim[],
  step: string | number,
): readonly FieldClaim[] {
  return claims.flatMap(({ path: [first, ...path], role }) =>
    first === step ? [{ path, role }] : [],
  );
}

/** The measurements of a declaration, before any schema is known; undefined for unusable names. */
export function declaredMeasurements({
  measurements,
}: InputDeclaration): readonly PickedMeasurement[] | undefined {
  switch (measurements.kind) {
    case 'one':
    case 'long':
      return [{ field: pathText(measurements.field), suffix: noSuffix }];
    case 'several': {
      const named = measurements.fields.map(({ name, field }) => namedMeasurement(name, field));
      return named.includes(undefined) ? undefined : (named as PickedMeasurement[]);
    }
    case 'every':
      return [];
    default:
      return measurements satisfies never;
  }
}

const noSuffix = new Uint8Array(0);
