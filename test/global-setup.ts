// Finds or starts what the integration tests need and provides it; a test asks with `inject('kafkaBrokers')` and skips
// on ''. Stops at the end only what it started. Nothing is skipped silently: each reason is printed and counted, and
// with CI=true a reason is a failure.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import { findBrowser } from '../scripts/browser.mjs';

export interface NodeBinary {
  readonly version: string;
  readonly path: string;
}

declare module 'vitest' {
  export interface ProvidedContext {
    /** Comma-separated brokers of a real Kafka, or '' when there is none. */
    kafkaBrokers: string;
    /** redis:// address of a real Redis, or '' when there is none. */
    redisUrl: string;
    /** A Python that imports Feast, or '' when there is none. */
    feastPython: string;
    /** Folder of the schema registry Apicurio, or '' when there is none. */
    registryFolder: string;
    /** A Python that imports Confluent's serializers, or '' when there is none. */
    serializersPython: string;
    /** A browser's command; '' where there is none. */
    browser: string;
    /** Node binaries that the built program must run on, this one first. */
    nodeBinaries: readonly NodeBinary[];
    /** Why each of the above is ''. */
    skipReasons: readonly string[];
  }
}

const root = fileURLToPath(new URL('..', import.meta.url));
const servicesScript = `${root}scripts/services.sh`;

type ServiceName = 'kafka' | 'redis';
type Service =
  | { readonly kind: 'up'; readonly startedHere: boolean }
  | { readonly kind: 'missing'; readonly reason: string };

/** Provides the addresses of the services; returns the teardown. @throws when CI=true and one is missing. */
export function setup(project: TestProject): () => void {
  const reasons: string[] = [];
  const started: ServiceName[] = [];
  const unitOnly = process.env['TEST_SERVICES'] === 'none';
  const removeFiles = ownTemporaryFolder();

  const find = (name: ServiceName, given: string | undefined, address: string): string => {
    if (unitOnly) return '';
    if (given !== undefined && given !== '') return given;
    const service = start(name);
    if (service.kind === 'missing') {
      reasons.push(`${name}: ${service.reason}`);
      return '';
    }
    if (service.startedHere) started.push(name);
    return address;
  };

  project.provide(
    'kafkaBrokers',
    find('kafka', process.env['TEST_KAFKA_BROKERS'], `127.0.0.1:${port('KAFKA_PORT', '19092')}`),
  );
  project.provide(
    'redisUrl',
    find(
      'redis',
      process.env['TEST_REDIS_URL'],
      `redis://127.0.0.1:${port('REDIS_PORT', '16379')}`,
    ),
  );
  const feastPython = unitOnly ? '' : findFeast(reasons);
  project.provide('feastPython', feastPython);
  project.provide('registryFolder', unitOnly ? '' : findInstalled('apicurio', '', reasons));
  const serializers = unitOnly ? '' : findInstalled('serializers', '/bin/python', reasons);
  project.provide('serializersPython', serializers);
  const browser = unitOnly ? '' : findBrowser();
  if (!unitOnly && browser === '') reasons.push('browser: no chromium or chrome on this machine');
  project.provide('browser', browser);
  project.provide('nodeBinaries', [
    { version: process.versions.node, path: process.execPath },
    ...(unitOnly ? [] : findNodes(reasons)),
  ]);
  project.provide('skipReasons', reasons);

  const stop = (): void => {
    // First: files that cannot be removed must not leave the services running.
    if (started.length > 0) spawnSync(servicesScript, ['stop', ...started], { stdio: 'ignore' });
    removeFiles();
  };
  for (const reason of reasons) console.warn(`skipped: ${reason}`);
  if (reasons.length > 0 && process.env['CI'] === 'true') {
    stop();
    throw new Error(`with CI=true nothing may be skipped: ${reasons.join('; ')}`);
  }
  return stop;
}

/** Gives the tests a temporary folder of their own; the returned function removes it, but not what a failure kept. */
function ownTemporaryFolder(): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'sensorium-tests-'));
  process.env['TMPDIR'] = folder;
  return () => {
    const names = readdirSync(folder);
    const left = names.filter((name) => !name.startsWith(keptPrefix));
    for (const name of left) rmSync(join(folder, name), { recursive: true, force: true });
    if (left.length === names.length) rmdirSync(folder);
  };
}

/** The logs of a chaos run that failed. */
const keptPrefix = 'sensorium-chaos-';

function port(variable: string, otherwise: string): string {
  return process.env[variable] ?? otherwise;
}

function start(name: ServiceName): Service {
  // --fresh: topics of earlier runs are of no use and slow the broker's start.
  const run = spawnSync(servicesScript, ['start', name, '--fresh'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (run.status === 0) return { kind: 'up', startedHere: run.stdout.includes(': started on ') };
  const said = run.stderr.trim().split('\n').at(-1) ?? '';
  return {
    kind: 'missing',
    reason: said === '' ? `services.sh exited ${String(run.status)}` : said,
  };
}

function findFeast(reasons: string[]): string {
  const python = process.env['TEST_FEAST_PYTHON'] ?? `${root}.cache/feast/bin/python`;
  // Importing Feast takes seconds; that scripts/setup-tests.sh finished is enough.
  if (process.env['TEST_FEAST_PYTHON'] !== undefined) return python;
  if (existsSync(`${root}.cache/feast/.complete`)) return python;
  reasons.push('feast: not installed; run scripts/setup-tests.sh (it needs Python 3.10 or newer)');
  return '';
}

/** Returns what scripts/setup-tests.sh has put into .cache under this name; '' where it could not. */
function findInstalled(name: string, inside: string, reasons: string[]): string {
  const folder = `${root}.cache/${name}`;
  if (existsSync(`${folder}/.complete`)) return `${folder}${inside}`;
  reasons.push(`${name}: not installed; run scripts/setup-tests.sh`);
  return '';
}

function findNodes(reasons: string[]): NodeBinary[] {
  return ['22', '24'].flatMap((version) => {
    const path = `${root}.cache/node${version}/node_modules/.bin/node`;
    if (existsSync(path)) return [{ version, path }];
    reasons.push(`Node ${version}: not installed; run scripts/setup-tests.sh`);
    return [];
  });
}
