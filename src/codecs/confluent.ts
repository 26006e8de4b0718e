// Confluent's wire format: 0, the schema's id (4 bytes, big-endian), then the record. The id is not
// looked up: the schema of a reading is fixed, so no registry is needed to read one.

export const confluentHeaderBytes = 5;

/**
 * Returns the schema id of the Confluent header at `start`; -1 where [start, end) does not begin
 * with a whole one.
 */
export function readConfluentSchemaId(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < confluentHeaderBytes || bytes[start] !== 0) return -1;
  let id = 0;
  for (let at = start + 1; at < start + confluentHeaderBytes; at += 1) {
    id = id * 256 + (bytes[at] as number);
  }
  return id;
}

/** Returns `record` behind a Confluent header. `schemaId` is an unsigned 32-bit integer. */
export function encodeConfluent(schemaId: number, record: Uint8Array): Uint8Array {
  const encoded = Buffer.alloc(confluentHeaderBytes + record.length);
  encoded.writeUInt32BE(schemaId, 1);
  encoded.set(record, confluentHeaderBytes);
  return encoded;
}
