// The Helm chart, rendered by the real helm for each value set of its ci/ folder and each version
// of Kubernetes, and validated strictly. Part of `npm run test:deploy` (DEPLOY_TOOLS names what
// scripts/setup-deploy.sh installed).
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';

import { secretNames } from '../../src/config/secret-files.ts';
import { isSettingName } from '../../src/config/settings.ts';

interface Container {
  readonly env: readonly { readonly name: string; readonly value?: string }[];
  readonly securityContext: object;
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
  readonly readinessProbe?: { readonly httpGet: { readonly path: string } };
}
interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec?: {
    readonly replicas?: number;
    readonly scaleTargetRef?: { readonly kind: string; readonly name: string };
    readonly template?: {
      readonly spec: {
        readonly containers: readonly [Container];
        readonly securityContext: object;
        readonly volumes: readonly { readonly name: string }[];
      };
    };
    readonly volumeClaimTemplates?: readonly { readonly metadata: { readonly name: string } }[];
    readonly triggers?: readonly { readonly metadata: { readonly query: string } }[];
    readonly metrics?: readonly object[];
  };
}

const tools = process.env['DEPLOY_TOOLS'] ?? '';
const root = fileURLToPath(new URL('../..', import.meta.url));
const chart = join(root, 'deploy/helm/sensorium');
const valueSets = readdirSync(join(chart, 'ci'));
const versions = Array.from({ length: 11 }, (_, index) => `1.${27 + index}`);
const newest = versions.at(-1) ?? '';
/** Settings that the chart itself makes. */
const ownSettings = ['HTTP_HOST', 'HTTP_PORT', 'ADVERTISED_URL'];

async function run(
  command: string,
  args: readonly string[],
  input = '',
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  const child = spawn(command, args, { stdio: 'pipe' });
  const texts = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (texts.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (texts.stderr += chunk.toString()));
  child.stdin.end(input);
  const code = await new Promise<number>((resolve) => child.once('close', resolve));
  return { code, ...texts };
}

const helm = (...args: string[]): ReturnType<typeof run> => run(join(tools, 'helm'), args);
const template = (version: string, ...args: string[]): ReturnType<typeof run> =>
  helm('template', 'features', chart, '-n', 'data', '--kube-version', `${version}.0`, ...args);
const valuesOf = (set: string): string => join(chart, 'ci', set);

describe.skipIf(tools === '')('the chart', () => {
  const rendered = new Map<string, string>();
  const manifestsOf = (set: string): readonly Manifest[] =>
    parseAllDocuments(rendered.get(`${set} ${newest}`) ?? '').map(
      (document) => document.toJS() as Manifest,
    );
  const validate = async (given: readonly object[]): Promise<readonly string[]> => {
    const python = join(tools, 'venv/bin/python');
    const script = join(import.meta.dirname, 'validate.py');
    const { stdout, stderr } = await run(python, [script, tools], JSON.stringify(given));
    expect(stderr).toBe('');
    return JSON.parse(stdout) as string[];
  };

  beforeAll(async () => {
    for (const set of valueSets) {
      for (const version of versions) {
        const { code, stdout, stderr } = await template(version, '-f', valuesOf(set));
        expect(code, stderr).toBe(0);
        rendered.set(`${set} ${version}`, stdout);
      }
    }
  }, 240_000);

  it('passes `helm lint --strict` with every value set', async () => {
    for (const set of valueSets) {
      const { code, stdout } = await helm('lint', '--strict', chart, '-f', valuesOf(set));
      expect(code, stdout).toBe(0);
    }
  });

  it('is valid, strictly, in every version of Kubernetes, to KEDA and to the Prometheus operator', async () => {
    expect(valueSets).toHaveLength(5);
    const given = [...rendered].map(([key, yaml]) => {
      const [name, kubernetes] = key.split(' ');
      return { name, kubernetes, yaml };
    });

    expect(await validate(given)).toEqual([]);
  });

  it('has kinds whose unknown fields the validation refuses', async () => {
    const yaml = rendered.get(`production-values.yaml ${newest}`) ?? '';
    const broken = yaml
      .replace('terminationGracePeriodSeconds:', 'terminationGraceSeconds:')
      .replace('minReplicaCount:', 'minReplicasCount:')
      .replace('interval: 15s', 'intervall: 15s');

    const problems = await validate([{ name: 'broken', kubernetes: newest, yaml: broken }]);

    for (const field of ['terminationGraceSeconds', 'minReplicasCount', 'intervall']) {
      expect(problems.join('\n')).toContain(field);
    }
    expect(problems).toHaveLength(3);
  });

  it('gives the program only settings that it has, secrets only as files', () => {
    for (const set of valueSets) {
      for (const { spec } of manifestsOf(set)) {
        for (const { name } of spec?.template?.spec.containers[0].env ?? []) {
          const setting = name.replace(/_FILE$/, '');
          if (name === 'POD_IP' || ownSettings.includes(name)) continue;
          expect(isSettingName(setting), `${set}: ${name}`).toBe(true);
          expect(secretNames.includes(setting as never), `${set}: ${name}`).toBe(
            name.endsWith('_FILE'),
          );
        }
      }
    }
  });

  it('mounts each volume that a container names, over a root that is read only', () => {
    for (const set of valueSets) {
      for (const { kind, spec } of manifestsOf(set)) {
        if (spec?.template === undefined) continue;
        const pod = spec.template.spec;
        const [container] = pod.containers;
        const volumes = [
          ...pod.volumes.map(({ name }) => name),
          ...(spec.volumeClaimTemplates ?? []).map(({ metadata }) => metadata.name),
        ];
        const mounts = container.volumeMounts.map(({ name }) => name);
        expect(mounts.toSorted(), `${set} ${kind}`).toEqual(volumes.toSorted());
        expect(pod.securityContext).toMatchObject({ runAsNonRoot: true });
        expect(container.securityContext).toMatchObject({
          readOnlyRootFilesystem: true,
          allowPrivilegeEscalation: false,
          capabilities: { drop: ['ALL'] },
        });
      }
    }
  });

  it('scales by the lag that the program measures, and then leaves replicas to the scaler', () => {
    const scaled = manifestsOf('production-values.yaml');
    const workload = scaled.find(({ kind }) => kind === 'Deployment');
    const scaler = scaled.find(({ kind }) => kind === 'ScaledObject');

    expect(workload?.spec?.replicas).toBeUndefined();
    expect(scaler?.spec?.scaleTargetRef?.name).toBe(workload?.metadata.name);
    expect(scaler?.spec?.triggers?.[0]?.metadata.query).toContain(
      '(sensorium_lag_records{job="features", namespace="data"})',
    );
    expect(
      manifestsOf('hpa-values.yaml').find(({ kind }) => kind === 'HorizontalPodAutoscaler')?.spec
        ?.metrics,
    ).toHaveLength(2);
  });

  it('asks the probe that the values choose', () => {
    const probe = (set: string): string | undefined =>
      manifestsOf(set).find(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet')?.spec
        ?.template?.spec.containers[0].readinessProbe?.httpGet.path;

    expect(probe('smallest-values.yaml')).toBe('/health/serving');
    expect(probe('statefulset-values.yaml')).toBe('/health/ready');
  });

  it('writes a large number as the program reads it', () => {
    expect(rendered.get(`production-values.yaml ${newest}`)).toContain('value: "2592000000"');
  });

  it.each([
    ['no brokers', '', 'settings.KAFKA_BROKERS is required'],
    ['a secret in plain sight', 'settings.KAFKA_BROKERS=k,settings.HTTP_TOKEN=t', 'HTTP_TOKEN'],
    ['a value that it has not', 'settings.KAFKA_BROKERS=k,replica=2', 'replica'],
    [
      'a secret without its name',
      'settings.KAFKA_BROKERS=k,secrets.keys.REDIS_URL=u',
      'secrets.name',
    ],
  ])('refuses %s', async (_, values, message) => {
    const { code, stderr } = await template(newest, '--set', values);

    expect(code).not.toBe(0);
    expect(stderr).toContain(message);
  });

  it('has, in docker-compose.yml, a sibling that its specification takes', async () => {
    const compose = readFileSync(join(root, 'docker-compose.yml'), 'utf8');
    const broken = compose.replace('cap_drop: [ALL]', 'cap_drops: [ALL]');

    expect(await validate([{ name: 'compose', compose }])).toEqual([]);
    expect((await validate([{ name: 'compose', compose: broken }])).join()).toContain('cap_drops');
  });
});
