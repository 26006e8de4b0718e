// Tells every thread of the process that the log has changed, so that nobody polls: a BroadcastChannel of the folder.
// A ring says only "look again"; a lost one costs the readers' slow poll, never a record.
import { BroadcastChannel } from 'node:worker_threads';

export interface CommitSignal {
  /** Wakes the listeners of all threads, this one included. */
  ring(): void;
  /** Calls `listener` at each ring until the returned function is called. */
  onRing(listener: () => void): () => void;
  close(): void;
}

/** Opens the signal of `dataDir`. */
export function openCommitSignal(dataDir: string): CommitSignal {
  const channel = new BroadcastChannel(`sensorium ${dataDir}`);
  const listeners = new Set<() => void>();
  const wake = (): void => {
    for (const listener of listeners) listener();
  };
  channel.onmessage = wake;
  channel.unref();
  let closed = false;
  return {
    ring() {
      if (closed) return;
      channel.postMessage(0);
      wake();
    },
    onRing(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close() {
      if (closed) return;
      closed = true;
      listeners.clear();
      channel.close();
    },
  };
}
