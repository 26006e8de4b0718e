// Commits until the file size limit its parent has set stops it (the full disk); prints the error, and whether what
// was acknowledged is readable and nothing else is, both in this process and for the commits it then cannot make.
import { systemClock } from '../../../dist/clock.js';
import { openEmbeddedLog } from '../../../dist/log/embedded/embedded-log.js';
import { createLogger } from '../../../dist/logger.js';

const log = openEmbeddedLog({
  dataDir: process.argv[2],
  clock: systemClock,
  logger: createLogger('fatal'),
});
await log.ensureTopics([
  { topic: 'input', partitions: 1 },
  { topic: 'out', partitions: 1 },
]);
const input = { topic: 'input', partition: 0 };
const writer = await log.openWriter('g', input);
let acknowledged = 0;
const errors = [];
for (let failures = 0; failures < 3 && acknowledged < 1_000;) {
  const value = Buffer.alloc(50_000, acknowledged % 251);
  const records = [{ topic: 'out', partition: 0, key: null, value }];
  try {
    await writer.commit({ nextOffset: acknowledged + 1, metadata: '', records });
    acknowledged += 1;
  } catch (error) {
    failures += 1;
    errors.push(error.code);
  }
}
const committed = (await log.committed('g', input))?.nextOffset;
const { end } = await log.offsets({ topic: 'out', partition: 0 });
process.stdout.write(
  JSON.stringify({ errors, whole: committed === acknowledged && end === acknowledged }),
);
process.exit(0);
