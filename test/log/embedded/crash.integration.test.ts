import { expect, test } from 'vitest';

import { startChild, temporaryFolder } from './child-process.ts';

interface CrashReport {
  readonly committed: readonly number[];
  readonly problems: readonly string[];
}

/** The last acknowledged commit of each of the two threads. */
function acknowledged(lines: readonly string[], before: readonly number[]): number[] {
  return before.map((first, thread) => {
    const own = lines.filter((line) => line.startsWith(`${thread}:`)).map((line) => line.slice(2));
    return Math.max(first, ...own.map(Number));
  });
}

test(
  'kill -9 during commits: each acknowledged one is there and none is there by half',
  { timeout: 180_000 },
  async () => {
    const dataDir = temporaryFolder();
    let before: number[] = [0, 0];
    const rounds = 10;

    for (let round = 0; round <= rounds; round += 1) {
      const child = startChild('crash.child.js', [dataDir]);
      await child.linesReached(1);
      const report = JSON.parse(child.lines[0] ?? '{}') as CrashReport;
      expect(report.problems).toEqual([]);
      for (const [thread, number] of before.entries()) {
        expect(report.committed[thread]).toBeGreaterThanOrEqual(number);
      }
      // Commits run back to back, so the kill falls into one of them; another count each round.
      await child.linesReached(1 + 2 + ((round * 5) % 17));
      child.process.kill('SIGKILL');
      before = acknowledged(await child.ended, report.committed);
    }

    expect(Math.min(...before)).toBeGreaterThan(rounds);
  },
);

test(
  'a thread that dies during commits leaves none by half, and its partitions move on',
  { timeout: 120_000 },
  async () => {
    const child = startChild('thread-death.child.js', [temporaryFolder(), '15']);

    const [line] = await child.ended;

    const report = JSON.parse(line ?? '{}') as { takeOverMs: number };
    expect(report).toMatchObject({ torn: [], lost: [], held: 4 });
    // Session timeout 400 ms and heartbeats of 50 ms, with room for a busy machine.
    expect(report.takeOverMs).toBeLessThan(5_000);
  },
);

test(
  'on a full disk a commit is UnavailableError, and what was acknowledged stays whole',
  { timeout: 60_000 },
  async () => {
    // A file size limit of 4 MiB stands for the full disk.
    const limit = 'ulimit -f 4096; trap "" XFSZ';
    const child = startChild('full-disk.child.js', [temporaryFolder()], limit);

    const [line] = await child.ended;

    expect(JSON.parse(line ?? '{}')).toEqual({
      errors: ['UNAVAILABLE', 'UNAVAILABLE', 'UNAVAILABLE'],
      whole: true,
    });
  },
);
