// Ids of devices and sensors from the fields of a declared shape: texts and whole numbers.
import { isUtf8 } from 'node:buffer';
import type { RecordCursor } from '../records/record.ts';
import { escapedPart } from '../sensors/input-declaration.ts';
import type { DeadLetterReason } from '../sensors/reading.ts';
import { sensorIdBytesMax, shown } from './reading-limits.ts';

type KeyedRecord = Pick<RecordCursor, 'bytes' | 'keyStart' | 'keyEnd'>;

const loneSurrogate = /\p{Surrogate}/u;

/** Returns a field as part of an id: texts, and whole numbers in their digits. */
export function idPart(found: unknown, field: string): string | DeadLetterReason {
  if (found === undefined) return { code: 'sensor_id_missing', message: `${field} is missing` };
  if (typeof found === 'number') {
    if (Number.isSafeInteger(found)) return String(found + 0);
    const cure = 'within ±(2^53 − 1), or a string: other numbers lose digits';
    const message = `expected ${field} to be a whole number ${cure}; got ${found}`;
    return { code: 'sensor_id_type', message };
  }
  if (typeof found !== 'string') {
    const message = `expected ${field} to be a string or a whole number, got ${shown(found)}`;
    return { code: 'sensor_id_type', message };
  }
  if (found === '') return idLength(field, 0);
  if (found.length > sensorIdBytesMax) return idLength(field, Buffer.byteLength(found));
  if (loneSurrogate.test(found)) {
    const message = `${field} has a lone surrogate: no UTF-8 for it`;
    return { code: 'sensor_id_utf8', message };
  }
  return found;
}

function idLength(field: string, lengthBytes: number): DeadLetterReason {
  const message =
    `expected ${field} to make an id of 1 to ${sensorIdBytesMax} UTF-8 bytes, ` +
    `got ${lengthBytes}`;
  return { code: 'sensor_id_length', message };
}

/** Returns the sensor of a measurement: its device, and behind it its name where it has one. */
export function sensorIdOf(
  deviceId: string,
  name: unknown,
  field: string,
): { readonly id: string } | { readonly reason: DeadLetterReason } {
  if (name === undefined) return { id: deviceId };
  const part = idPart(name ?? undefined, field);
  if (typeof part !== 'string') return { reason: part };
  const id = `${deviceId}/${escapedPart(part)}`;
  const bytes = Buffer.byteLength(id);
  return bytes > sensorIdBytesMax ? { reason: idLength(field, bytes) } : { id };
}

/** Returns the record's key as an id. */
export function keyText({ bytes, keyStart, keyEnd }: KeyedRecord): string | DeadLetterReason {
  const length = keyEnd - keyStart;
  if (keyStart < 0) {
    const message = 'the record has no key, and the declaration takes the id from it';
    return { code: 'sensor_id_missing', message };
  }
  if (length < 1 || length > sensorIdBytesMax) return idLength("the record's key", length);
  const key = bytes.subarray(keyStart, keyEnd);
  if (!isUtf8(key)) return { code: 'sensor_id_utf8', message: "the record's key is not UTF-8" };
  return Buffer.from(key).toString();
}

/** Returns why a device's id is too long, or undefined. */
export function deviceIdLength(id: string, field: string): DeadLetterReason | undefined {
  const bytes = Buffer.byteLength(id);
  return bytes > sensorIdBytesMax ? idLength(field, bytes) : undefined;
}
