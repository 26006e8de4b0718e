// Closes a run with one line that a person and a machine read alike: `N passed, N failed[, N skipped]`.
// With TEST_COUNTS=FILE the three numbers are appended there instead, for scripts/test.sh to add up over several runs.
// With TEST_FAILURES=FILE each failure is appended there, for .ci/run to repeat at its end.
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

    const failures = process.env['TEST_FAILURES'] ?? '';
    if (failures !== '') appendFileSync(failures, failuresOf(modules, errors).join(''));

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

/** Returns a paragraph for each failure: where it is, and its message, of at most twelve lines. */
function failuresOf(modules: readonly TestModule[], errors: readonly unknown[]): string[] {
  const paragraphs = errors.map((error) => paragraph('outside every test', [messageOf(error)]));
  for (const module of modules) {
    const parts = [...module.children.allSuites(), module];
    for (const part of parts) {
      const messages = part.errors().map(messageOf);
      if (messages.length > 0) paragraphs.push(paragraph(module.moduleId, messages));
    }
    for (const test of module.children.allTests('failed')) {
      const messages = (test.result().errors ?? []).map(messageOf);
      paragraphs.push(paragraph(`${module.moduleId} > ${test.fullName}`, messages));
    }
  }
  return paragraphs;
}

function messageOf(error: unknown): string {
  return error instanceof Object && 'message' in error ? String(error.message) : String(error);
}

function paragraph(where: string, messages: readonly string[]): string {
  const lines = messages.flatMap((message) => message.split('\n')).slice(0, 12);
  return `failed: ${where}\n${lines.map((line) => `  ${line.slice(0, 240)}\n`).join('')}`;
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
