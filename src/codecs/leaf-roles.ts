// The roles of a field that stands at the end of a declared path, and the way of its value into the
// picked fields. Shared by the pickers, avro-pick.ts and protobuf-pick.ts.
import type { FieldClaim, FieldRole } from './field-claims.ts';
import type { PickedFields } from './picked-fields.ts';

/** A member of the object whose numeric members are values, or what the declaration names. */
export type LeafRole =
  Exclude<FieldRole, { kind: 'every' }> | { readonly kind: 'member'; readonly slot: number };

/** Returns the roles of the field that the claims have led to. */
export function leafRolesOf(claims: readonly FieldClaim[]): readonly LeafRole[] {
  return claims.flatMap(({ path, role }) =>
    path.length === 0 && role.kind !== 'every' ? [role] : [],
  );
}

/** Gives the picked fields a value that was read. */
export function give(fields: PickedFields, role: LeafRole, found: unknown): void {
  switch (role.kind) {
    case 'value':
      return fields.takeValue(role.slot, found);
    case 'member':
      return fields.takeMember(role.slot, found);
    case 'id':
      return fields.takeId(role.part, found);
    case 'time':
      return fields.takeTime(found);
    case 'metric':
      return fields.takeMetric(found);
    default:
      role satisfies never;
  }
}
