// Builds another git revision of this program in a worktree under .cache/revisions/<commit>, which
// is kept for the next time. It shares this tree's packages unless its lock file differs.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, realpathSync, symlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Returns this tree as `buildRevision` returns another; it must be built already. */
export function thisRevision() {
  return revisionOf(root, 'HEAD');
}

/**
 * Returns the tree of `revision` (anything that git knows as a commit), built: its folder with a
 * slash at the end, the commit in short, and the commit's subject. @throws where git knows no such
 * commit, or it does not build.
 */
export function buildRevision(revision) {
  const commit = commitOf(revision);
  const tree = `${root}.cache/revisions/${commit}/`;
  if (!existsSync(`${tree}package.json`)) {
    mkdirSync(`${root}.cache/revisions`, { recursive: true });
    // Forced: git still knows the folder of a worktree that was removed by hand.
    git('worktree', 'add', '--force', '--detach', tree, commit);
  }
  installPackages(tree);
  execFileSync(process.execPath, ['scripts/build.mjs'], { cwd: tree, stdio: ['ignore', 2, 2] });
  return revisionOf(tree, commit);
}

/**
 * Returns what differs in results between two trees with these settings; empty where both give the
 * same rows.
 */
export async function semanticDifferences(older, newer) {
  const { fingerprintDifferences } = await import(`${root}dist/sensors/fingerprint.js`);
  return fingerprintDifferences(await fingerprintOf(older), await fingerprintOf(newer));
}

/** Returns the names of the settings that the program of a tree knows. */
export async function settingsOf({ tree }) {
  const settings = await configModule(tree, 'config/settings.js', 'config-settings.js');
  return settings.settingNames;
}

async function fingerprintOf({ tree, env }) {
  const { parseConfig } = await configModule(tree, 'config/config.js', 'config.js');
  const { semanticsFingerprint } = await import(`${tree}dist/sensors/fingerprint.js`);
  return semanticsFingerprint(parseConfig(env).semantics).text;
}

function commitOf(revision) {
  try {
    return git('rev-parse', '--verify', '--quiet', '--end-of-options', `${revision}^{commit}`);
  } catch {
    throw new Error(`expected a revision that git knows, came "${revision}"`);
  }
}

function revisionOf(tree, commit) {
  const [short, subject] = git('log', '-1', '--format=%h%n%s', commit).split('\n');
  return { tree, commit: short, subject };
}

function installPackages(tree) {
  if (existsSync(`${tree}node_modules`)) return;
  const lock = (folder) => readFileSync(`${folder}package-lock.json`, 'utf8');
  if (lock(tree) === lock(root)) {
    symlinkSync(realpathSync(`${root}node_modules`), `${tree}node_modules`);
    return;
  }
  const quietly = ['--no-audit', '--no-fund', '--loglevel=error'];
  execFileSync('npm', ['ci', ...quietly], { cwd: tree, stdio: ['ignore', 2, 2] });
}

function git(...args) {
  return execFileSync('git', args, {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  }).trim();
}

/** Loads a module of a tree's configuration, from `earlier` in revisions before src/config/. */
function configModule(tree, path, earlier) {
  const found = [path, earlier].find((each) => existsSync(`${tree}dist/${each}`));
  return import(`${tree}dist/${found}`);
}
