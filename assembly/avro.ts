// A reading in Avro: avro/raw_reading.avsc, no schema resolution. As in JSON, "not for me" is left
// to the strict decoder.
//
//   sensor_id   zigzag varint length, then that many UTF-8 bytes
//   timestamp   zigzag varint, at most 64 bits
//   value       8 bytes, IEEE 754, little-endian
import { isUtf8 } from './bytes';
import { keepReading, safeIntegerMax, sensorIdBytesMax } from './reading';
import { at, broken, readFrom, readLong, skip } from './varint';

/** Keeps the reading that is bytes [start, end), exactly, and returns true; else returns false. */
export function scanAvro(start: usize, end: usize): bool {
  readFrom(start);
  const length = readLong();
  if (broken || length < 1 || length > sensorIdBytesMax) return false;
  const idStart = at;
  skip(<usize>length);
  const idEnd = at;
  const timestamp = readLong();
  if (broken || at + 8 != end) return false;
  if (timestamp < -(<i64>safeIntegerMax) || timestamp > <i64>safeIntegerMax) return false;
  if (!isUtf8(idStart, idEnd)) return false;
  return keepReading(idStart, idEnd, <f64>timestamp, load<f64>(at));
}
