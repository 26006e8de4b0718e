// Installs the node modules if they are missing or older than package-lock.json. Uses no package:
// it runs before any exists.
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Returns the modification time of a path under the root in ms; 0 if it does not exist. */
export function modifiedMs(path) {
  return statSync(`${root}${path}`, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/**
 * Runs a command in the root with its output on stderr; if it fails, ends the process with its exit
 * code.
 */
export function run(command, args) {
  const code = tryRun(command, args);
  if (code !== 0) process.exit(code);
}

function tryRun(command, args) {
  // npm and tsc print progress: stdout belongs to the program that is started afterwards.
  return spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2] }).status ?? 1;
}

/** Installs the node modules unless they are at least as new as the lock file. */
export function install() {
  // npm writes this file last, so an interrupted install is not taken for a finished one.
  if (modifiedMs('node_modules/.package-lock.json') >= modifiedMs('package-lock.json')) return;
  const quietly = ['--no-audit', '--no-fund', '--loglevel=error'];
  if (tryRun('npm', ['ci', ...quietly]) === 0) return;
  // `npm ci` refuses a lock file that lacks a platform's optional package, which npm writes where a
  // registry has none.
  console.error('npm ci failed; trying npm install, which follows the same lock file');
  run('npm', ['install', '--no-save', ...quietly]);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) install();
