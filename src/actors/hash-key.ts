// The secret of this thread's tables of sensor ids. It changes no result and no snapshot
// (src/sensors/id-hash.ts says why), so it is drawn at each start and kept nowhere.
import { randomBytes } from 'node:crypto';

import type { HashKey } from '../sensors/id-hash.ts';

const bytes = randomBytes(8);

export const hashKey: HashKey = { low: bytes.readUInt32LE(0), high: bytes.readUInt32LE(4) };
