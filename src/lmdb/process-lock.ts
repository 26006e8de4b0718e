// Allows one process at a time on a DATA_DIR. The lock file names its owner by process id and start
// time, so the lock of a killed process is taken over at once, and a reused process id is not
// mistaken for its owner.
//
// In another container the owner's process id means nothing. There the age of the file decides: the
// owner touches it every `touchEveryMs`. A lock untouched for `deadAfterMs` is watched for
// `watchedMs` before it is taken over, since a changed wall clock makes any lock look old.
import { execFileSync } from 'node:child_process';
import {
  linkSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { threadId } from 'node:worker_threads';

import { ConfigError } from '../errors.ts';
import { processExists } from '../process-exists.ts';

const touchEveryMs = 1_000;
const deadAfterMs = 5_000;
const watchedMs = 2_500;
const lookEveryMs = 100;
const attemptsMax = 20;

interface LockOwner {
  readonly pid: number;
  /** Start time of the process, in the format of its operating system; '' if unknown. */
  readonly startedAt: string;
  /** Processes with the same view see each other's process ids. */
  readonly view: string;
}

export interface ProcessLock {
  /** Identifies this process among all that ever held the lock. */
  readonly token: string;
  /** Stops touching the file from this thread; the lock is held until the process ends. */
  close(): void;
}

/**
 * Takes the lock of `dataDir` for this process, or joins it if another thread of the process holds
 * it. Creates the folder if it is missing.
 * @throws ConfigError if another living process holds it (with its pid), or the folder is not
 * writable.
 */
export function acquireProcessLock(dataDir: string): ProcessLock {
  const path = join(dataDir, 'process.lock');
  const own = ownIdentity();
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    takeLock(path, own, dataDir);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw unusableFolder(dataDir, error);
  }
  const timer = setInterval(() => touch(path), touchEveryMs);
  timer.unref();
  return {
    token: `${own.pid}@${own.startedAt}@${own.view}`,
    close: () => clearInterval(timer),
  };
}

/** Returns the error for an unusable DATA_DIR: the reason and the cure. */
export function unusableFolder(dataDir: string, cause: unknown): ConfigError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new ConfigError(
    `DATA_DIR ${dataDir} cannot be used: ${reason}. It must be a folder writable by this user.`,
    { dataDir },
    cause,
  );
}

function takeLock(path: string, own: LockOwner, dataDir: string): void {
  const mine = `${path}.${own.pid}.${threadId}`;
  writeFileSync(mine, JSON.stringify(own));
  try {
    for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
      // Only one of several processes can create the link, and never over an existing file.
      if (linked(mine, path)) return;
      const owner = readOwner(path);
      if (owner === 'gone') continue;
      if (owner !== 'unreadable' && sameProcess(owner, own)) return;
      if (isAlive(path, owner, own)) throw inUse(dataDir, owner);
      removeStale(path, owner, own);
    }
  } finally {
    rmSync(mine, { force: true });
  }
  throw new ConfigError(`another process is taking DATA_DIR ${dataDir} at this moment: try again`, {
    dataDir,
  });
}

function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false;
    throw error;
  }
}

/** Removes a dead owner's lock; puts it back if a living process took it in the meantime. */
function removeStale(path: string, stale: LockOwner | 'unreadable', own: LockOwner): void {
  const aside = `${path}.stale.${own.pid}.${threadId}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (isCode(error, 'ENOENT')) return;
    throw error;
  }
  const moved = readOwner(aside);
  if (JSON.stringify(moved) !== JSON.stringify(stale)) linked(aside, path);
  rmSync(aside, { force: true });
}

function readOwner(path: string): LockOwner | 'unreadable' | 'gone' {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (isCode(error, 'ENOENT')) return 'gone';
    throw error;
  }
  try {
    const { pid, startedAt, view } = JSON.parse(text) as Partial<LockOwner>;
    if (typeof pid === 'number' && typeof startedAt === 'string' && typeof view === 'string') {
      return { pid, startedAt, view };
    }
  } catch {
    return 'unreadable';
  }
  return 'unreadable';
}

function isAlive(path: string, owner: LockOwner | 'unreadable', own: LockOwner): boolean {
  if (owner !== 'unreadable' && owner.view === own.view) {
    return processExists(owner.pid) && startTime(owner.pid) === owner.startedAt;
  }
  const touchedMs = lastTouchMs(path);
  if (touchedMs === undefined) return false;
  if (Math.abs(Date.now() - touchedMs) < deadAfterMs) return true;
  for (let waitedMs = 0; waitedMs < watchedMs; waitedMs += lookEveryMs) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, lookEveryMs);
    const nextMs = lastTouchMs(path);
    if (nextMs !== touchedMs) return nextMs !== undefined;
  }
  return false;
}

/** Returns the time of the last touch by the owner's wall clock; undefined if the lock is gone. */
function lastTouchMs(path: string): number | undefined {
  try {
    return statSync(path).mtimeMs;
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function sameProcess(a: LockOwner, b: LockOwner): boolean {
  return a.pid === b.pid && a.startedAt === b.startedAt && a.view === b.view;
}

function inUse(dataDir: string, owner: LockOwner | 'unreadable'): ConfigError {
  const who =
    owner === 'unreadable' ? 'another process' : `process ${owner.pid} (host view ${owner.view})`;
  return new ConfigError(
    `DATA_DIR ${dataDir} is in use by ${who}. Stop that process, or give this one its own DATA_DIR. ` +
      'Several processes can share work only with Kafka (KAFKA_BROKERS).',
    { dataDir, pid: owner === 'unreadable' ? null : owner.pid },
  );
}

let identity: LockOwner | undefined;

function ownIdentity(): LockOwner {
  identity ??= { pid: process.pid, startedAt: startTime(process.pid), view: processView() };
  return identity;
}

function processView(): string {
  const read = (get: () => string): string => {
    try {
      return get().trim();
    } catch {
      // Not Linux: the view is the host name alone.
      return '';
    }
  };
  const boot = read(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8'));
  return `${hostname()}/${boot.slice(0, 8)}/${read(() => readlinkSync('/proc/self/ns/pid'))}`;
}

/**
 * Returns the start time of a process: ticks since boot (Linux) or the text of `ps`; '' if unknown.
 */
function startTime(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field, the command, may contain spaces and parentheses: count from its end.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    if (process.platform === 'linux' || process.platform === 'win32') return '';
  }
  try {
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim();
  } catch {
    // The process no longer exists.
    return '';
  }
}

function touch(path: string): void {
  const now = new Date();
  try {
    utimesSync(path, now, now);
  } catch {
    // The folder was removed; the next commit will report it.
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
