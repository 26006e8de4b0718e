// Writes a result: the figures, the machine and the commit.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

function git(...args) {
  return execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();
}

/** Returns least, median and greatest of `numbers`. */
export function spread(numbers, digits = 3) {
  const sorted = [...numbers].sort((left, right) => left - right);
  const at = (share) => Number(sorted[Math.round(share * (sorted.length - 1))].toFixed(digits));
  return { min: at(0), median: at(0.5), max: at(1) };
}

/** Writes bench/results/<name>.json and prints it. */
export function report(name, measured) {
  const result = {
    benchmark: name,
    commit: git('rev-parse', '--short', 'HEAD'),
    changed: git('status', '--porcelain', '--', 'src') !== '',
    at: new Date().toISOString(),
    machine: {
      cpu: cpus()[0].model,
      cores: cpus().length,
      memoryGb: Math.round(totalmem() / 2 ** 30),
      loadBefore: loadBefore,
      node: process.version,
    },
    ...measured,
  };
  const text = `${JSON.stringify(result, null, 2)}\n`;
  mkdirSync(`${root}bench/results`, { recursive: true });
  writeFileSync(`${root}bench/results/${name}.json`, text);
  process.stdout.write(text);
}

/** Others' work on the machine, from before this process added its own. */
const loadBefore = Number(loadavg()[0].toFixed(2));
