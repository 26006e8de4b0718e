// This machine, as `doctor` finds it: Node, folders and the space in them.
import { accessSync, constants, existsSync, statfsSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

import type { Config } from '../config/config.ts';
import { fail, ok, warn, type Check } from './doctor-check.ts';

const nodeMajorMin = 20;
const gigabyte = 1_073_741_824;

/** Returns the checks of Node and of the folders that the settings use. */
export function machineChecks(config: Config, nodeVersion: string): readonly Check[] {
  const { kafka, redis, dataDir, snapshotStore, snapshotDir } = config.process;
  const checks = [nodeCheck(nodeVersion)];
  if (kafka === undefined || redis === undefined) checks.push(folderCheck('DATA_DIR', dataDir));
  if (snapshotStore === 'file') checks.push(folderCheck('SNAPSHOT_DIR', snapshotDir));
  if (kafka !== undefined && snapshotStore === 'file') {
    const cure = 'a folder that all hosts share, or SNAPSHOT_STORE=kafka';
    checks.push(warn('snapshots', `in ${snapshotDir}`, `with several hosts: ${cure}`));
  }
  return checks;
}

function nodeCheck(version: string): Check {
  const major = Number(/^v?(\d+)\./.exec(version)?.[1] ?? 0);
  return major >= nodeMajorMin
    ? ok('node', version)
    : fail('node', version, `Node ${nodeMajorMin} or newer`);
}

/** Never creates a folder: it is judged by its nearest ancestor that exists. */
export function folderCheck(name: string, folder: string): Check {
  const path = resolve(folder);
  const existing = nearestExisting(path);
  if (!statSync(existing).isDirectory()) {
    return fail(name, `${existing} is a file`, `set ${name} to a folder`);
  }
  try {
    accessSync(existing, constants.W_OK | constants.X_OK);
  } catch {
    // The one thing asked; the message of the system adds nothing.
    return fail(
      name,
      `${existing} cannot be written to`,
      `give this user the right, or set ${name}`,
    );
  }
  const { bavail, bsize } = statfsSync(existing);
  const free = `${((bavail * bsize) / gigabyte).toFixed(1)} GiB free in ${existing}`;
  if (bavail * bsize < gigabyte / 10) return fail(name, free, 'make room');
  return bavail * bsize < gigabyte ? warn(name, free, 'make room') : ok(name, `${path}, ${free}`);
}

function nearestExisting(path: string): string {
  const parent = dirname(path);
  return existsSync(path) || parent === path ? path : nearestExisting(parent);
}
