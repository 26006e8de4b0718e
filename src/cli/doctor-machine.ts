// Checks of this machine: the Node version, the folders in use and their free space.
import { accessSync, constants, existsSync, statfsSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

import type { Config } from '../config/config.ts';
import { fail, ok, warn, type Check } from './doctor-check.ts';

const nodeMajorMin = 20;
const gigabyte = 1_073_741_824;

export function machineChecks(config: Config, nodeVersion: string): readonly Check[] {
  const { kafka, redis, dataDir, snapshotStore, snapshotDir } = config.process;
  const checks = [nodeCheck(nodeVersion)];
  if (kafka === undefined || redis === undefined) checks.push(folderCheck('DATA_DIR', dataDir));
  if (snapshotStore === 'file') checks.push(folderCheck('SNAPSHOT_DIR', snapshotDir));
  if (kafka !== undefined && snapshotStore === 'file') {
    const cure = 'with several hosts, use a shared folder or SNAPSHOT_STORE=kafka';
    checks.push(warn('snapshots', `in ${snapshotDir}`, cure));
  }
  return checks;
}

function nodeCheck(version: string): Check {
  const major = Number(/^v?(\d+)\./.exec(version)?.[1] ?? 0);
  return major >= nodeMajorMin
    ? ok('node', version)
    : fail('node', version, `Node ${nodeMajorMin} or newer`);
}

/** Returns the check of `folder`, judged by its nearest existing ancestor; creates nothing. */
export function folderCheck(name: string, folder: string): Check {
  const path = resolve(folder);
  const existing = nearestExisting(path);
  if (!statSync(existing).isDirectory()) {
    return fail(name, `${existing} is a file`, `set ${name} to a folder`);
  }
  try {
    accessSync(existing, constants.W_OK | constants.X_OK);
  } catch {
    // accessSync fails for one reason here; the system's message adds nothing.
    return fail(
      name,
      `${existing} cannot be written to`,
      `make it writable for this user, or set ${name} to another`,
    );
  }
  const { bavail, bsize } = statfsSync(existing);
  const free = `${((bavail * bsize) / gigabyte).toFixed(1)} GiB free in ${existing}`;
  if (bavail * bsize < gigabyte / 10) return fail(name, free, 'free some space');
  return bavail * bsize < gigabyte
    ? warn(name, free, 'free some space')
    : ok(name, `${path}, ${free}`);
}

function nearestExisting(path: string): string {
  const parent = dirname(path);
  return existsSync(path) || parent === path ? path : nearestExisting(parent);
}
