// Measures the branch coverage of src/actors and src/log for each named set of tests: how far the
// simulation alone reaches, and what the unit tests and a real Kafka add. Fails if a set's tests
// fail.
//
//   node scripts/coverage.mjs [simulation] [unit] [kafka]      default: simulation unit; kafka needs the services
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const sets = {
  simulation: ['--project', 'unit', 'property-tests/simulation'],
  unit: ['--project', 'unit', 'test/actors', 'test/log', 'property-tests/simulation'],
  kafka: [
    '--no-file-parallelism',
    'test/actors',
    'test/log',
    'test/proxy',
    'property-tests/simulation',
  ],
};

/** Returns vitest's coverage per file for the tests in `args`. */
function covered(name, args) {
  const folder = mkdtempSync(join(tmpdir(), 'coverage-'));
  const options = ['--coverage', `--coverage.reportsDirectory=${folder}`];
  const env = { ...process.env, SEED: process.env.SEED ?? '1' };
  if (name !== 'kafka') env.TEST_SERVICES = 'none';
  const { status } = spawnSync('npx', ['vitest', 'run', ...args, ...options], {
    cwd: root,
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  try {
    if (status !== 0) throw new Error(`the tests of ${name} failed`);
    return JSON.parse(readFileSync(join(folder, 'coverage-summary.json'), 'utf8'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Prints branches and lines covered, by folder and, below 100 %, by file. */
function print(name, summary) {
  const folders = new Map();
  for (const [path, { branches, lines }] of Object.entries(summary)) {
    if (path === 'total') continue;
    const file = relative(root, path);
    const folder = folders.get(dirname(file)) ?? {
      branches: 0,
      of: 0,
      lines: 0,
      ofLines: 0,
      files: [],
    };
    folder.branches += branches.covered;
    folder.of += branches.total;
    folder.lines += lines.covered;
    folder.ofLines += lines.total;
    if (branches.covered < branches.total) folder.files.push({ file, branches });
    folders.set(dirname(file), folder);
  }
  console.log(`\n${name}`);
  const share = (part, whole) => `${((100 * part) / Math.max(1, whole)).toFixed(1)} %`.padStart(8);
  for (const [folder, { branches, of, lines, ofLines, files }] of [...folders].sort()) {
    console.log(
      `${share(branches, of)} of ${of} branches, ${share(lines, ofLines)} of lines  ${folder}`,
    );
    for (const { file, branches: ofFile } of files) {
      console.log(`   ${share(ofFile.covered, ofFile.total)} of ${ofFile.total}  ${file}`);
    }
  }
}

// Some tests start the built program.
spawnSync(process.execPath, ['scripts/build.mjs'], {
  cwd: root,
  stdio: ['ignore', 'ignore', 'inherit'],
});
const named = process.argv.slice(2);
for (const name of named.length > 0 ? named : ['simulation', 'unit']) {
  if (sets[name] === undefined)
    throw new Error(`${name}: expected one of ${Object.keys(sets).join(', ')}`);
  print(name, covered(name, sets[name]));
}
