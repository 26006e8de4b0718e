import { afterAll, describe, expect, it, vi } from 'vitest';

import { systemClock } from '../../src/clock.ts';
import { parseConfig } from '../../src/config/config.ts';
import { createLogger } from '../../src/logger.ts';
import { startSupervisor, type Supervisor } from '../../src/supervisor/supervisor.ts';

const running: Supervisor[] = [];
afterAll(async () => {
  for (const supervisor of running) await supervisor.drain();
});

describe('a history that cannot go on', () => {
  it('says why, and neither ends the process nor makes it unready', async () => {
    let gaveUp = false;
    const supervisor = startSupervisor({
      config: parseConfig({ WORKERS: '1', HISTORY_DIR: 'nowhere' }),
      logger: createLogger('fatal'),
      clock: systemClock,
      workerFile: new URL('threads/scripted-worker.mjs', import.meta.url),
      projectorFile: new URL('threads/scripted-projector.mjs', import.meta.url),
      historyFile: new URL('threads/scripted-history.mjs', import.meta.url),
    });
    running.push(supervisor);
    void supervisor.gaveUp.then(() => (gaveUp = true));

    await vi.waitFor(() => expect(supervisor.tree().history?.state).toBe('failed'), {
      timeout: 20_000,
    });
    await vi.waitFor(() => expect(supervisor.ready().ready).toBe(true), { timeout: 20_000 });

    const { history, state } = supervisor.tree();
    expect(history?.lastError?.message).toBe('the folder holds something else');
    expect(state).toBe('running');
    expect(supervisor.live()).toBe(true);
    expect(gaveUp).toBe(false);
  });
});
