import { describe, expect, it } from 'vitest';

import { noKill, SimulatedDisk } from '../../../property-tests/simulation/simulated-disk.ts';
import { systemClock } from '../../../src/clock.ts';
import { defaultFeatures } from '../../../src/sensors/features.ts';
import { openBlockFile } from '../../../src/stores/parquet/block-file.ts';
import type { HistoryDisk } from '../../../src/stores/parquet/history-disk.ts';
import type { HistoryFolder } from '../../../src/stores/parquet/history-folder.ts';
import { openHistory } from '../../../src/stores/parquet/open-history.ts';
import { featureRow } from '../../contracts/feature-store.contract.ts';

const folder = 'history/sensor_features';
const day = `${folder}/2023-11-14.parquet`;
const closedMs = Infinity;

function open(disk: HistoryDisk, id: string, at = systemClock): Promise<HistoryFolder> {
  return openHistory({
    ...{ disk, folder, view: 'sensor_features', topic: 'sensor_features', clock: at },
    ...{ features: defaultFeatures, writer: { id, host: id, pid: 1 }, isAlive: () => false },
    ...{ whenTaken: 'wait', whenGrown: 'refuse', signal: new AbortController().signal },
  });
}

/** Time passes as it is slept. */
function sleptClock(): typeof systemClock {
  let nowMs = 0;
  return {
    ...systemClock,
    monotonicMs: () => nowMs,
    sleep: (delayMs) => {
      nowMs += delayMs;
      return Promise.resolve();
    },
  };
}

function onceOnly(action: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => (done ??= action());
}

async function commitRow(history: HistoryFolder, window: number): Promise<void> {
  const row = featureRow('a', window);
  history.add({ row, createdMs: row.window_end, availableMs: row.window_end });
  await history.commit({ positions: [window + 1], newestMs: [row.window_end], gaps: [] });
}

async function rowsOf(disk: SimulatedDisk): Promise<number> {
  const file = await disk.view(noKill).open(day);
  return file === undefined ? 0 : (await openBlockFile(file, day)).facts.rows;
}

describe('a history folder', () => {
  it('has no row twice when a fenced writer’s last rename comes late', async () => {
    const disk = new SimulatedDisk();
    const view = disk.view(noKill);
    let next: HistoryFolder | undefined;
    const slow: HistoryDisk = {
      ...view,
      // Overtaken between its last look at the manifest and its rename, which comes when the next
      // writer has looked at the days and has not yet removed what lies about.
      async replace(from, to) {
        if (to !== day) return view.replace(from, to);
        const rename = onceOnly(() => view.replace(from, to));
        const taking = {
          ...view,
          replace: (a: string, b: string) => rename().then(() => view.replace(a, b)),
        };
        next = await open(taking, 'next', sleptClock());
      },
    };
    const first = await open(slow, 'first');
    await commitRow(first, 0);
    await expect(first.publish({ closedMs, when: 'now' })).rejects.toThrow('on next now');
    if (next === undefined) throw new Error('nobody overtook');

    await next.publish({ closedMs, when: 'now' });

    expect(await rowsOf(disk)).toBe(1);
    await expect(first.beat()).rejects.toThrow('is written by process 1 on next now');
  });

  it('waits for a writer of another host until that has been silent for a minute', async () => {
    const disk = new SimulatedDisk();
    await commitRow(await open(disk.view(noKill), 'gone'), 0);
    const clock = sleptClock();

    const history = await open(disk.view(noKill), 'next', clock);

    expect(clock.monotonicMs()).toBeGreaterThanOrEqual(60_000);
    expect(history.progress().positions).toEqual([1]);
  });

  it('refuses a day file that is older than its manifest', async () => {
    const disk = new SimulatedDisk();
    const history = await open(disk.view(noKill), 'only');
    await commitRow(history, 0);
    await history.publish({ closedMs, when: 'now' });
    const older = disk.files.get(day) ?? new Uint8Array();
    await commitRow(history, 1);
    await history.publish({ closedMs, when: 'now' });
    disk.files.set(day, older);
    await commitRow(history, 2);

    await expect(history.publish({ closedMs, when: 'now' })).rejects.toThrow(
      'is older than _manifest.json says',
    );
  });
});
