// Keeps a history going while its log or its disk comes and goes, or another process has it: opens
// the store again after a pause and goes on from what it last committed.
import { isSensoriumError, type AnySensoriumError } from '../errors.ts';
import type { HistoryStore } from '../stores/history-store.ts';
import { backoffMs } from '../backoff.ts';
import { followHistory, type FollowOptions, type FollowProgress } from './history.ts';

export interface KeepOptions extends Omit<FollowOptions, 'store'> {
  /** Opens the store; waits while another process has it. */
  readonly openStore: () => Promise<HistoryStore>;
  /** Called with the error of each attempt that is followed by another. */
  onRetry(error: AnySensoriumError): void;
}

/** Follows the topic until the signal; with `once`, up to its end. @throws errors that stay */
export async function keepHistory(options: KeepOptions): Promise<FollowProgress | undefined> {
  const { clock, follow, openStore, signal } = options;
  for (let attempt = 0; ;) {
    let store: HistoryStore | undefined;
    try {
      store = await openStore();
      attempt = 0;
      const progress = await followHistory({ ...options, store });
      await store.close();
      return progress;
    } catch (error) {
      await store?.close().catch(() => undefined);
      if (signal.aborted && isPassing(error)) return undefined;
      if (follow === 'once' || !isPassing(error)) throw error;
      options.onRetry(error);
      await clock.sleep(backoffMs(attempt), signal);
      attempt += 1;
      if (signal.aborted) return undefined;
    }
  }
}

function isPassing(error: unknown): error is AnySensoriumError {
  return isSensoriumError(error) && (error.directive === 'retry' || error.directive === 'release');
}
