import { defineConfig, type ViteUserConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

// What starts processes and waits for them, over one broker: run after the rest, more files at a time than cores
// (scripts/test.sh). Each has topics and a Redis database of its own.
const processes = [
  '**/*.integration.test.ts',
  'test/integration/**/*.test.ts',
  'test/smoke/**/*.test.ts',
];
// Need Helm and the schemas of Kubernetes: `npm run test:deploy` installs them.
const deployment = ['test/deploy/{chart,image,package}.test.ts'];
// Need a log store and a Jaeger: `npm run test:telemetry` builds them.
const telemetry = ['test/telemetry/**/*.test.ts'];
// Start a Kafka with every kind of login: `npm run test:secured`.
const secured = ['test/secured/*.test.ts'];
const globalSetup = ['test/global-setup.ts'];

/** Files of more than a minute and a half; begun late, one would be waited for at the end. */
const longest = new RegExp(
  [
    ...['inputs', 'chaos', 'log-shapes', 'adding-a-feature', 'mixed-versions', 'faults'],
    ...['killed-in-commit', 'main-job', 'slow-commits', 'rights', 'windows', 'registry'],
    ...['failover', 'member-faults', 'incident', 'odd-sources', 'outage', 'export', 'pipeline'],
  ]
    .map((name) => `/${name}\\.(integration\\.)?test`)
    .join('|'),
);

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLong = ({ moduleId }: TestSpecification): boolean => longest.test(moduleId);
    const sorted = await super.sort(files);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

const config: ViteUserConfig = defineConfig({
  test: {
    maxWorkers: 2,
    minWorkers: 1,
    sequence: { sequencer: LongestFirst },
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
          exclude: [...processes, ...deployment, ...telemetry, ...secured],
          globalSetup,
          // A law of thousands of runs takes 20 s on free cores, and several times that beside other work.
          testTimeout: 240_000,
          hookTimeout: 60_000,
        },
      },
      { test: { name: 'telemetry', include: telemetry, globalSetup, testTimeout: 60_000 } },
      { test: { name: 'deploy', include: deployment, globalSetup, testTimeout: 240_000 } },
      { test: { name: 'secured', include: secured, globalSetup, testTimeout: 120_000 } },
      {
        test: {
          name: 'integration',
          include: processes.map((pattern) =>
            pattern.startsWith('test/') ? pattern : `{test,property-tests}/${pattern}`,
          ),
          globalSetup,
          // Four of these at once on two cores take several times as long as one alone.
          testTimeout: 300_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});

export default config;
