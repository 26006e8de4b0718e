// The fields of Protobuf whose values are no objects: numbers, texts, enums, and the messages that
// stand for one value. Read from the bytes as protobuf-value.ts reads them of whole messages.
import protobuf from 'protobufjs';
import type { TimeUnit } from '../sensors/input-declaration.ts';
import { leaveRecord } from './picked-fields.ts';
import {
  readEnd,
  readInt32,
  readInt64,
  readShort,
  scalarReaders,
  skipUnknown,
  type ProtobufSlot,
  type ReadScalar,
} from './protobuf-bytes.ts';
import { scalar, timestampName, wrapperName } from './protobuf-value.ts';
import { encodingsOf } from './protobuf-skip.ts';
import { inTimeUnit } from './schema-time.ts';

/** Whether a message stands for one value. */
export function isValue({ fullName }: protobuf.Type): boolean {
  return fullName === timestampName || wrapperName.test(fullName);
}

/** Whether an element of `field` is no object. */
export function isLeaf({ resolvedType }: protobuf.Field): boolean {
  return !(resolvedType instanceof protobuf.Type) || isValue(resolvedType);
}

/** Returns the value of a field that was not written and does not tell so. */
export function defaultOf({ defaultValue, resolvedType }: protobuf.Field): unknown {
  if (!(resolvedType instanceof protobuf.Enum)) return scalar(defaultValue);
  return resolvedType.valuesById[defaultValue as number] ?? defaultValue;
}

/** Returns the reader of one element of `field`, which is no object. */
export function valueReader({ resolvedType, type }: protobuf.Field, unit: TimeUnit): ReadScalar {
  if (resolvedType instanceof protobuf.Enum) {
    const { valuesById } = resolvedType;
    // An unknown symbol of some enums is a number, and of others nothing.
    return (at) => valuesById[readInt32(at)] ?? leaveRecord();
  }
  if (resolvedType === null) return scalarReaders.get(type) ?? leaveRecord;
  return resolvedType.fullName === timestampName
    ? timestampReader(resolvedType, unit)
    : wrapperReader(resolvedType);
}

/** Beyond it a whole number of milliseconds is not exact. */
const secondsMax = 2 ** 42;

function timestampReader({ fields }: protobuf.Type, unit: TimeUnit): ReadScalar {
  const { seconds, nanos } = fields;
  const isGoogles =
    seconds?.id === 1 && seconds.type === 'int64' && nanos?.id === 2 && nanos.type === 'int32';
  if (!isGoogles) return leaveRecord;
  return (at) => {
    const outer = at.end;
    at.end = readEnd(at);
    let wholeSeconds = 0;
    let nanoseconds = 0;
    while (at.position < at.end) {
      const tag = readShort(at);
      if (tag === 8) wholeSeconds = readInt64(at);
      else if (tag === 16) nanoseconds = readInt32(at);
      else skipUnknown(at, tag);
    }
    at.end = outer;
    if (Math.abs(wholeSeconds) > secondsMax) leaveRecord();
    return inTimeUnit(wholeSeconds * 1_000 + Math.floor(nanoseconds / 1e6), 'ms', unit);
  };
}

function wrapperReader(type: protobuf.Type): ReadScalar {
  const { value } = type.fields;
  const read = scalarReaders.get(value?.type ?? '');
  if (value === undefined || read === undefined || value.repeated) return leaveRecord;
  value.resolve();
  const [encoding] = encodingsOf(value, leaveRecord);
  const found = defaultOf(value);
  return (at: ProtobufSlot) => {
    const outer = at.end;
    at.end = readEnd(at);
    let last = found;
    while (at.position < at.end) {
      const tag = readShort(at);
      if (tag === encoding?.tag) last = read(at);
      else skipUnknown(at, tag);
    }
    at.end = outer;
    return last;
  };
}
