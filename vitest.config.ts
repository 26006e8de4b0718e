import { defineConfig, type ViteUserConfig } from 'vitest/config';

// What starts processes or shares a broker is run one file at a time (scripts/test.sh, --no-file-parallelism); the
// rest runs side by side before it.
const alone = [
  '**/*.integration.test.ts',
  'test/integration/**/*.test.ts',
  'test/smoke/**/*.test.ts',
];
const globalSetup = ['test/global-setup.ts'];

const config: ViteUserConfig = defineConfig({
  test: {
    maxWorkers: 2,
    minWorkers: 1,
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
          exclude: alone,
          globalSetup,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'integration',
          include: alone.map((pattern) =>
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
