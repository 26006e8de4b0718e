// The bytes of a batch as a Buffer, for readers of its records.

let viewed: Uint8Array = new Uint8Array(0);
let view: Buffer = Buffer.alloc(0);

/** Returns a view of `bytes`. The records of a batch lie in the same bytes: it is made once. */
export function bufferOf(bytes: Uint8Array): Buffer {
  if (Buffer.isBuffer(bytes)) return bytes;
  if (viewed !== bytes) {
    viewed = bytes;
    view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  return view;
}
