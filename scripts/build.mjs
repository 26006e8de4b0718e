// Builds dist/ from src/ if anything in src/ is newer: runs tsc, then copies the other files (the
// web page).
import { copyFileSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { modifiedMs, run } from './install.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const stamp = 'dist/.built';

function files(folder) {
  return readdirSync(`${root}${folder}`, { recursive: true })
    .map(String)
    .filter((path) => statSync(`${root}${folder}/${path}`).isFile());
}

/** Builds unless dist/ is newer than every source, the compiler settings and the lock file. */
export function build() {
  const paths = files('src');
  const inputs = ['tsconfig.json', 'tsconfig.build.json', 'package-lock.json'].concat(
    paths.map((path) => `src/${path}`),
    // Removing a source changes only its folder.
    [...new Set(paths.map((path) => dirname(`src/${path}`)))],
  );
  const newest = Math.max(...inputs.map(modifiedMs));
  if (modifiedMs(stamp) > newest) return;

  run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json']);
  for (const path of paths.filter((path) => !path.endsWith('.ts'))) {
    mkdirSync(dirname(`${root}dist/${path}`), { recursive: true });
    copyFileSync(`${root}src/${path}`, `${root}dist/${path}`);
  }
  removeStale(new Set(paths.map((path) => path.replace(/\.ts$/, '.js'))));
  writeFileSync(`${root}${stamp}`, '');
}

/**
 * Removes files without a source; keeps dist/ itself, since a running program may still load from
 * it.
 */
function removeStale(kept) {
  for (const path of files('dist')) {
    if (path !== '.built' && !kept.has(path.replace(/\.js\.map$/, '.js')))
      rmSync(`${root}dist/${path}`);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) build();
