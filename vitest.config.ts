import { defineConfig, type ViteUserConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

// What starts processes and waits for them, over one broker: run after the rest, more files at a time than cores
// (scripts/test.sh). Each has topics and a Redis database of its own.
const processes = [
  '**/*.integration.test.ts',
  'test/integration/**/*.test.ts',
  'test/smoke/**/*.test.ts',
];
const globalSetup = ['test/global-setup.ts'];

/** Begins with the file that takes longest, which would be waited for at the end. */
class ChaosFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isChaos = ({ moduleId }: TestSpecification): boolean => moduleId.includes('/test/chaos/');
    const sorted = await super.sort(files);
    return [...sorted.filter(isChaos), ...sorted.filter((file) => !isChaos(file))];
  }
}

const config: ViteUserConfig = defineConfig({
  test: {
    maxWorkers: 2,
    minWorkers: 1,
    sequence: { sequencer: ChaosFirst },
    reporters: ['default', './test/counted-reporter.ts'],
    // scripts/coverage.mjs; the parts where a branch that no test takes is a fault that nobody has seen.
    coverage: {
      provider: 'v8',
      include: ['src/actors/**', 'src/log/**'],
      experimentalAstAwareRemapping: true,
      reporter: ['json-summary', 'json'],
    },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts', 'property-tests/**/*.test.ts'],
          exclude: processes,
          globalSetup,
          // A law of thousands of runs takes 20 s on free cores, and several times that beside other work.
          testTimeout: 240_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'integration',
          include: processes.map((pattern) =>
            pattern.startsWith('test/') ? pattern : `{test,property-tests}/${pattern}`,
          ),
          globalSetup,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});

export default config;
