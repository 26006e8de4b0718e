// A real Prometheus and Alertmanager with the configuration of monitoring/, made quick for a test:
// scraped and evaluated each second, `for` and Alertmanager's waits a few seconds. Alerts arrive at
// a webhook of this process.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse, stringify } from 'yaml';

import { freePort } from '../free-port.ts';
import { eventually } from '../integration/program.ts';

export interface ReceivedAlert {
  readonly status: 'firing' | 'resolved';
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly receivedAtMs: number;
}

export interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly values: readonly (readonly [number, string])[];
}

export interface Watchtower {
  /** Alerts the webhook has received so far, oldest first. */
  readonly received: readonly ReceivedAlert[];
  /** Scrapes `addresses` as the pipeline from now on. */
  watch(addresses: readonly string[], auditors?: readonly string[]): void;
  /** Returns the present value of the first series of a query, undefined without any. */
  value(query: string): Promise<number | undefined>;
  /** Returns all series of a query since `fromMs`, a sample a second. */
  range(query: string, fromMs: number): Promise<readonly Series[]>;
  stop(): Promise<void>;
}

interface Rules {
  readonly groups: readonly {
    interval?: string;
    readonly rules: readonly { for?: string }[];
  }[];
}

const monitoring = fileURLToPath(new URL('../../monitoring', import.meta.url));
const read = (path: string): unknown => parse(readFileSync(join(monitoring, path), 'utf8'));

/** Whether Prometheus and Alertmanager are on this machine (scripts/setup-tests.sh). */
export function watchtowerInstalled(): boolean {
  return ['prometheus', 'prometheus-alertmanager'].every(
    (command) => spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0,
  );
}

/** Starts both; resolves once both are ready. */
export async function startWatchtower(): Promise<Watchtower> {
  const folder = mkdtempSync(join(tmpdir(), 'sensorium-watchtower-'));
  const received: ReceivedAlert[] = [];
  const webhook = await startWebhook(received);
  const alertmanager = await startAlertmanager(folder, webhook);
  const prometheus = await startPrometheus(folder, alertmanager.url);
  const ask = async (path: string): Promise<readonly Series[]> => {
    const response = await fetch(`${prometheus.url}/api/v1/${path}`);
    const body = (await response.json()) as { error?: string; data?: { result: Series[] } };
    if (body.data === undefined) throw new Error(`Prometheus: ${body.error}: ${path}`);
    return body.data.result;
  };
  return {
    received,
    watch: (addresses, auditors = []) => writeTargets(folder, addresses, auditors),
    async value(query) {
      const [series] = await ask(`query?query=${encodeURIComponent(query)}`);
      const sample = (series as { value?: readonly [number, string] } | undefined)?.value;
      return sample === undefined ? undefined : Number(sample[1]);
    },
    range: (query, fromMs) =>
      ask(
        `query_range?step=1&start=${fromMs / 1_000}&end=${Date.now() / 1_000}&query=${encodeURIComponent(query)}`,
      ),
    async stop() {
      await Promise.all([ended(prometheus.child), ended(alertmanager.child)]);
      webhook.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function startWebhook(received: ReceivedAlert[]): Promise<Server> {
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const { alerts } = JSON.parse(body) as { alerts: ReceivedAlert[] };
      received.push(...alerts.map((alert) => ({ ...alert, receivedAtMs: Date.now() })));
      response.end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

interface Started {
  readonly url: string;
  readonly child: ChildProcess;
}

async function startAlertmanager(folder: string, webhook: Server): Promise<Started> {
  const config = readFileSync(join(monitoring, 'alertmanager.yml'), 'utf8')
    .replace(
      /url: http:\S+/,
      `url: http://127.0.0.1:${(webhook.address() as AddressInfo).port}/alerts`,
    )
    .replace(/group_wait: \S+/, 'group_wait: 1s')
    .replace(/group_interval: \S+/, 'group_interval: 1s');
  writeFileSync(join(folder, 'alertmanager.yml'), config);
  return started('prometheus-alertmanager', folder, (port) => [
    `--config.file=${folder}/alertmanager.yml`,
    `--storage.path=${folder}/alertmanager`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--cluster.listen-address=',
  ]);
}

async function startPrometheus(folder: string, alertmanagerUrl: string): Promise<Started> {
  mkdirSync(join(folder, 'rules'));
  for (const name of readdirSync(join(monitoring, 'rules'))) {
    const rules = read(`rules/${name}`) as Rules;
    for (const group of rules.groups) {
      group.interval = '1s';
      for (const rule of group.rules) if (rule.for !== undefined) rule.for = '3s';
    }
    writeFileSync(join(folder, 'rules', name), stringify(rules));
  }
  writeTargets(folder, [], []);
  const config = read('prometheus.yml') as Record<string, object>;
  const fromFile = (name: string): object => ({
    job_name: name,
    file_sd_configs: [{ files: [`${folder}/${name}.json`], refresh_interval: '1s' }],
  });
  config['global'] = { scrape_interval: '1s', evaluation_interval: '1s' };
  config['scrape_configs'] = [fromFile('sensorium'), fromFile('sensorium-audit')];
  config['alerting'] = {
    alertmanagers: [{ static_configs: [{ targets: [new URL(alertmanagerUrl).host] }] }],
  };
  writeFileSync(join(folder, 'prometheus.yml'), stringify(config));
  return started('prometheus', folder, (port) => [
    `--config.file=${folder}/prometheus.yml`,
    `--storage.tsdb.path=${folder}/prometheus`,
    `--web.listen-address=127.0.0.1:${port}`,
  ]);
}

function writeTargets(
  folder: string,
  addresses: readonly string[],
  auditors: readonly string[],
): void {
  writeFileSync(join(folder, 'sensorium.json'), JSON.stringify([{ targets: addresses }]));
  writeFileSync(join(folder, 'sensorium-audit.json'), JSON.stringify([{ targets: auditors }]));
}

async function started(
  command: string,
  cwd: string,
  args: (port: number) => readonly string[],
): Promise<Started> {
  const port = await freePort();
  const child = spawn(command, args(port), { cwd, stdio: ['ignore', 'ignore', 'pipe'] });
  let printed = '';
  child.stderr.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  const url = `http://127.0.0.1:${port}`;
  await eventually(
    async () => {
      if (child.exitCode !== null) throw new Error(`${command} exited with ${child.exitCode}`);
      const response = await fetch(`${url}/-/ready`);
      if (response.status !== 200) throw new Error(await response.text());
    },
    { timeoutMs: 30_000, onTimeout: () => printed.slice(-3_000) },
  );
  return { url, child };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  await exit;
}
