// Notifies every thread of the process that the log has changed, over a BroadcastChannel of the
// folder, so that readers need not poll. A signal carries no data; a lost one only delays readers
// until their slow poll.
import { BroadcastChannel } from 'node:worker_threads';

export interface CommitSignal {
  /** Wakes the listeners of all threads, including this one. */
  ring(): void;
  /** Calls `listener` at each signal until the returned function is called. */
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
