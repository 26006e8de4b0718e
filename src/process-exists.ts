// Whether a process of this machine runs: what a dead one left behind may be removed.

/** Returns whether a process `pid` exists, also one of another user. */
export function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Another user's process exists, but takes no signal from this one.
    return error instanceof Error && Reflect.get(error, 'code') === 'EPERM';
  }
}
