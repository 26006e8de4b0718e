// Writes a snapshot that is larger than the file size limit its parent has set, then one that is not; prints what came.
import { openFileSnapshotStore } from '../../../dist/stores/file/file-snapshot-store.js';

const store = openFileSnapshotStore({ folder: process.argv[2] });
const large = await store.write('g/t/0', '1', new Uint8Array(8_000_000)).then(
  () => 'written',
  (error) => error.code,
);
const reference = await store.write('g/t/0', '2', new Uint8Array(1_000));
const small = (await store.read('g/t/0', reference)).length;
process.stdout.write(JSON.stringify({ large, small }));
