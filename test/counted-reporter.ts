// Closes a run with one line that a person and a machine read alike: `N passed, N failed[, N skipped]`.
// With TEST_COUNTS=FILE the three numbers are appended there instead, for scripts/test.sh to add up over several runs.
import { appendFileSync } from 'node:fs';
import type { Reporter, TestModule } from 'vitest/node';

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/** The reporter; vitest makes it from its path in vitest.config.ts. */
export default class CountedReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
    for (const module of modules) count(module, counts);
    // An error outside every test fails the run; it must not hide behind "0 failed".
    counts.failed += errors.length;

    const reasons = new Set(
      modules.flatMap((module) => module.project.getProvidedContext().skipReasons),
    );
    const file = process.env['TEST_COUNTS'];
    if (file !== undefined && file !== '') {
      appendFileSync(
        file,
        `${String(counts.passed)} ${String(counts.failed)} ${String(counts.skipped)}\n`,
      );
    }
    const lines = [...reasons].map((reason) => `skipped: ${reason}\n`);
    if (file === undefined || file === '') lines.push(`\n${sentence(counts)}\n`);
    // After the default reporter's own summary, and after whatever teardown prints.
    process.once('exit', () => {
      process.stdout.write(lines.join(''));
    });
  }
}

function sentence({ passed, failed, skipped }: Counts): string {
  const line = `${String(passed)} passed, ${String(failed)} failed`;
  return skipped > 0 ? `${line}, ${String(skipped)} skipped` : line;
}

function count(module: TestModule, counts: Counts): void {
  // A file that cannot be loaded has no tests to count.
  counts.failed += module.errors().length;
  for (const suite of module.children.allSuites()) counts.failed += suite.errors().length;
  for (const test of module.children.allTests()) {
    const { state } = test.result();
    counts[state === 'passed' ? 'passed' : state === 'failed' ? 'failed' : 'skipped'] += 1;
  }
}
