import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { systemClock } from '../../../src/clock.ts';
import { createLogger } from '../../../src/logger.ts';
import { openEmbeddedLog } from '../../../src/log/embedded/embedded-log.ts';
import { eventLogContract } from '../../contracts/event-log.contract.ts';

eventLogContract('embedded', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'embedded-log-'));
  const options = { dataDir, clock: systemClock, logger: createLogger('fatal') };
  const log = openEmbeddedLog(options);
  return {
    log,
    openAnother: async () => openEmbeddedLog(options),
    async close() {
      await log.close();
      rmSync(dataDir, { recursive: true });
    },
  };
});
