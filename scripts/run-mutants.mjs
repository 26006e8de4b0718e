// Breaks one guard at a time and expects its test to fail: a test that cannot fail guards nothing.
// Works on a copy in a temporary folder. Exits with 1 if a mutant survived, its text was not found,
// or a test fails on unbroken code.
//
//   node scripts/run-mutants.mjs [WORD of a mutant's name]…
import { spawn, spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compiledPath } from './assembly.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const copied = [
  'src',
  'monitoring',
  'assembly',
  'test',
  'property-tests',
  'scripts',
  'avro',
  'data',
  'feature_repo',
  'docs',
].concat([
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'vitest.config.ts',
  'import-rules.json',
]);

/** Returns a copy of the tree to break. */
function copyOfTree() {
  const copy = mkdtempSync(join(tmpdir(), 'mutants-'));
  for (const path of copied) cpSync(join(root, path), join(copy, path), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  // With the compiler of assembly/, which is installed there when it is first needed.
  mkdirSync(join(root, '.cache'), { recursive: true });
  symlinkSync(join(root, '.cache'), join(copy, '.cache'));
  return copy;
}

/** Resolves with 'passed', 'failed' or 'skipped' (its services are not available). */
async function runTest(copy, { test, needs }) {
  const report = join(copy, 'report.json');
  rmSync(report, { force: true });
  // These run the built program.
  const isOfProgram =
    test.startsWith('test/integration/') ||
    readFileSync(join(copy, test), 'utf8').includes('/dist/');
  if (isOfProgram) {
    const built = spawnSync('node', ['scripts/build.mjs'], { cwd: copy, stdio: 'ignore' });
    if (built.status !== 0) throw new Error(`the copy for ${test} does not build`);
  }
  const project = test.includes('.integration.') ? 'integration' : 'unit';
  const args = ['vitest', 'run', '--project', project, test, '--bail=1', '--reporter=json'];
  const env = { ...process.env, SEED: process.env.SEED ?? '1', SHRINK: 'off' };
  if (needs === undefined) env.TEST_SERVICES = 'none';
  const child = spawn('npx', [...args, `--outputFile=${report}`], {
    cwd: copy,
    env,
    stdio: 'ignore',
  });
  const exitCode = await new Promise((resolve) => child.once('exit', resolve));
  if (exitCode !== 0) return 'failed';
  return JSON.parse(readFileSync(report, 'utf8')).numPassedTests > 0 ? 'passed' : 'skipped';
}

/**
 * Breaks the copy. Returns a function that repairs it; undefined if the text is not unique or does
 * not compile.
 */
function breakGuard(copy, mutant) {
  const edits = [mutant, ...(mutant.also ?? [])];
  const originals = new Map();
  const mend = () => originals.forEach((text, path) => writeFileSync(path, text));
  for (const { file, find, replace } of edits) {
    const path = join(copy, file);
    const text = readFileSync(path, 'utf8');
    originals.set(path, originals.get(path) ?? text);
    if (text.split(find).length !== 2) {
      mend();
      return undefined;
    }
    // A function, so that `$` in the replacement is literal.
    writeFileSync(
      path,
      text.replace(find, () => replace),
    );
  }
  if (edits.some(({ file }) => file.startsWith('assembly/'))) {
    const compiled = join(copy, compiledPath);
    originals.set(compiled, readFileSync(compiled));
    if (spawnSync('node', ['scripts/assembly.mjs'], { cwd: copy }).status !== 0) {
      mend();
      return undefined;
    }
  }
  return mend;
}

async function verdictOn(copy, mutant) {
  const mend = breakGuard(copy, mutant);
  if (mend === undefined) return 'TEXT GONE';
  const result = await runTest(copy, mutant);
  mend();
  if (result === 'failed') return 'killed';
  return result === 'skipped' ? 'skipped' : 'SURVIVED';
}

async function main() {
  const words = process.argv.slice(2);
  const all = JSON.parse(readFileSync(join(root, 'test/mutants/mutants.json'), 'utf8'));
  const mutants = all.filter(
    ({ name }) => words.length === 0 || words.some((word) => name.includes(word)),
  );
  const copy = copyOfTree();
  let wrong = 0;
  try {
    for (const test of new Set(mutants.map((mutant) => mutant.test))) {
      const mutant = mutants.find((each) => each.test === test);
      if ((await runTest(copy, mutant)) !== 'failed') continue;
      console.log(`${test} fails with nothing broken`);
      wrong += 1;
    }
    for (const mutant of wrong > 0 ? [] : mutants) {
      const startedMs = performance.now();
      const verdict = await verdictOn(copy, mutant);
      if (verdict === 'SURVIVED' || verdict === 'TEXT GONE') wrong += 1;
      const seconds = ((performance.now() - startedMs) / 1_000).toFixed(0).padStart(4);
      console.log(`${verdict.padEnd(10)}${seconds} s  ${mutant.name}  (${mutant.test})`);
    }
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
  console.log(`${mutants.length} mutants, ${wrong} wrong`);
  process.exitCode = wrong === 0 ? 0 : 1;
}

await main();
