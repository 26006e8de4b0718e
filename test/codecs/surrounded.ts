// Test inputs in the middle of a larger buffer, as a record lies in its batch: what reads past its end meets bytes that
// would go on with it, and `guarded` throws at the first byte read outside.

const marginBytes = 24;

export interface Placed {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/** Returns `record` between two margins of `filler`, repeated. */
export function surrounded(record: Uint8Array, filler: string): Placed {
  const margin = Buffer.alloc(marginBytes, filler);
  const bytes = Uint8Array.from(Buffer.concat([margin, record, margin]));
  return { bytes, start: marginBytes, end: marginBytes + record.length };
}

/** Returns the same place with bytes that throw a RangeError when any outside [start, end) is read. */
export function guarded({ bytes, start, end }: Placed): Placed {
  const watched = new Proxy(bytes, {
    get(target, property): unknown {
      const index = typeof property === 'string' ? Number(property) : NaN;
      if (Number.isInteger(index) && (index < start || index >= end)) {
        throw new RangeError(`read byte ${index} outside [${start}, ${end})`);
      }
      const member: unknown = Reflect.get(target, property, target);
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });
  return { bytes: watched, start, end };
}
