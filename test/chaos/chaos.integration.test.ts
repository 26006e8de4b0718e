// Process chaos (docs/reliability.md): three minutes of it in every run of the tests, and as long as one likes through
// `npm run chaos -- --seed N --minutes M`. On failure the folder it names keeps all logs.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, inject, it } from 'vitest';

import { runChaos } from './run-chaos.ts';

const given = (name: string, otherwise: number): number => Number(process.env[name] ?? otherwise);
const seed = given('CHAOS_SEED', 1);
const minutes = given('CHAOS_MINUTES', 3);
const perSecond = given('CHAOS_RATE', 300);
const only = (process.env['CHAOS_ONLY'] ?? '').split(',').filter((kind) => kind !== '');
const cluster = process.env['CHAOS_CLUSTER'] === '1';
const asked = process.env['CHAOS_MINUTES'] !== undefined;
const available = asked || inject('kafkaBrokers') !== '';
// Its services, the end of the first round on a busy machine, the last windows and the model.
const aroundMs = 900_000;

describe.skipIf(!available)('chaos', () => {
  it(
    `loses and doubles nothing while processes and services die and freeze [CHAOS_SEED=${seed}]`,
    { timeout: minutes * 90_000 + aroundMs },
    async () => {
      const folder = mkdtempSync(join(tmpdir(), `sensorium-chaos-${seed}-`));
      const print = (line: string): void => {
        if (asked) process.stdout.write(`${line}\n`);
      };

      const report = await runChaos({ seed, minutes, perSecond, only, cluster, folder, print });

      process.stdout.write(
        `${minutes} min of chaos of seed ${seed}: ${JSON.stringify(report.counts)}\n`,
      );
      const again = [
        `npm run chaos -- --seed ${seed} --minutes ${minutes} --rate ${perSecond}`,
        ...(cluster ? ['--cluster'] : []),
        ...(only.length > 0 ? [`--only ${only.join(',')}`] : []),
      ].join(' ');
      expect(report.problems, `logs are in ${folder}; again: ${again}`).toEqual([]);
      expect(report.unreached, `logs are in ${folder}; again: ${again}`).toEqual([]);
      // Whoever asked for the run may want its log; what the services wrote is of no use any more.
      const done = asked ? ['services', 'data'].map((name) => join(folder, name)) : [folder];
      for (const path of done) rmSync(path, { recursive: true, force: true });
    },
  );
});
