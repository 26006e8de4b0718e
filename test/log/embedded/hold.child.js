// Opens the embedded log of the folder it is given, prints `open` or the error's code and message, and stays.
import { systemClock } from '../../../dist/clock.js';
import { openEmbeddedLog } from '../../../dist/log/embedded/embedded-log.js';
import { createLogger } from '../../../dist/logger.js';

try {
  openEmbeddedLog({
    dataDir: process.argv[2],
    clock: systemClock,
    logger: createLogger('fatal'),
  });
  process.stdout.write('open\n');
} catch (error) {
  process.stdout.write(`${error.code} ${error.message}\n`);
  process.exit(1);
}
