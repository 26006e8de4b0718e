// Whether the group still counts this member as the owner of what it holds. Re-acquiring a
// partition without asking, two owners would fence each other in turn; a lost response may as well
// mean that this process slept and another owns the partition by now.
import { deferred } from '../deferred.ts';

/**
 * Resolves once a heartbeat sent from now on has succeeded, with 'none' where it failed, or with
 * 'released' when `signal` aborts.
 */
export async function confirmedByGroup(
  heartbeatAfterNow: () => Promise<void>,
  signal: AbortSignal,
): Promise<'confirmed' | 'none' | 'released'> {
  if (signal.aborted) return 'released';
  const released = deferred<'released'>();
  const release = (): void => released.resolve('released');
  signal.addEventListener('abort', release, { once: true });
  const confirmed = heartbeatAfterNow().then(() => 'confirmed' as const);
  try {
    return await Promise.race([confirmed, released.promise]);
  } catch {
    return 'none';
  } finally {
    signal.removeEventListener('abort', release);
  }
}
