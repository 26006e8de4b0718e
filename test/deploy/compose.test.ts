// docker-compose.yml and the Dockerfiles as far as they can be read without an engine: what they mount and copy exists,
// what they expose stays on the machine, and no service has rights that it does not need. Its schema is
// checked in the heavy suite.
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

import { isSettingName } from '../../src/config/settings.ts';

interface Service {
  readonly profiles?: readonly string[];
  readonly image?: string;
  readonly build?: string | { readonly dockerfile?: string };
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly healthcheck?: object;
  readonly restart?: string;
  readonly depends_on?: Readonly<Record<string, object>>;
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string): string => readFileSync(`${root}${path}`, 'utf8');
const compose = parse(read('docker-compose.yml'), { merge: true }) as {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, null>>;
};
const services = Object.entries(compose.services);
/** The services of one profile and those without any. */
const started = (profile: string): readonly string[] =>
  services
    .filter(([, { profiles }]) => profiles === undefined || profiles.includes(profile))
    .map(([name]) => name);

describe('docker-compose.yml', () => {
  it('mounts only what is in the tree, read only, and volumes that it declares', () => {
    const mounts = services.flatMap(([, { volumes = [] }]) => volumes);
    const paths = mounts.filter((mount) => mount.startsWith('.'));
    const named = mounts.filter((mount) => !mount.startsWith('.'));

    expect(paths.length).toBeGreaterThan(5);
    for (const mount of paths) {
      const [path = '', , mode] = mount.split(':');
      expect(existsSync(`${root}${path}`), path).toBe(true);
      expect(mode, path).toBe('ro');
    }
    for (const mount of named) expect(compose.volumes).toHaveProperty(mount.split(':')[0] ?? '');
  });

  it('publishes each port once, on this machine only', () => {
    const ports = services.flatMap(([, { ports: published = [] }]) => published);
    const hostPorts = ports.map((port) => port.split(':').slice(0, 2).join(':'));

    expect(hostPorts.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([]);
    expect(new Set(hostPorts).size).toBe(hostPorts.length);
  });

  it('gives no service a capability or a way to more', () => {
    for (const [name, { cap_drop: dropped, security_opt: options }] of services) {
      expect(dropped, name).toEqual(['ALL']);
      expect(options, name).toEqual(['no-new-privileges:true']);
    }
  });

  it('checks the health of every service that stays, and pins every image', () => {
    for (const [name, service] of services) {
      if (service.restart !== 'no') expect(service.healthcheck, name).toBeDefined();
      // A variable whose default names a version, or the image that is built here.
      expect(service.image, name).toMatch(/^\$\{\w+_IMAGE:-\S+:(local|v?\d[\w.]*)\}$/);
    }
  });

  it('starts, in each profile, all that a service waits for', () => {
    for (const profile of ['', 'monitoring', 'feast', 'demo']) {
      const names = started(profile);
      for (const name of names) {
        const needed = Object.keys(compose.services[name]?.depends_on ?? {});
        expect(names, `${profile}: ${name}`).toEqual(expect.arrayContaining(needed));
      }
    }
    expect(started('')).toEqual(['kafka', 'redis', 'topics', 'sensorium']);
  });

  it('gives the program settings that it has', () => {
    const given = Object.keys(compose.services['sensorium']?.environment ?? {});

    expect(given).toContain('KAFKA_BROKERS');
    expect(given.filter((name) => !isSettingName(name))).toEqual([]);
  });

  it('is scraped by the Prometheus beside it, which Grafana asks', () => {
    expect(read('monitoring/prometheus.yml')).toContain('names: [sensorium]');
    expect(read('monitoring/prometheus.yml')).toContain("targets: ['alertmanager:9093']");
    expect(read('monitoring/grafana/provisioning/datasources/prometheus.yml')).toContain(
      'url: http://prometheus:9090',
    );
  });
});

describe.each(['Dockerfile', 'Dockerfile.feast'])('%s', (path) => {
  const copied = [...read(path).matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, files = '']) =>
    files.split(' '),
  );

  it('copies only what is there and what .dockerignore lets through', () => {
    const allowed = read('.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));

    expect(copied.length).toBeGreaterThan(1);
    for (const file of copied) {
      expect(existsSync(`${root}${file.replace(/\*.*/, '')}`), file).toBe(true);
      const passes = allowed.some((entry) => file === entry || file.startsWith(`${entry}/`));
      expect(passes, `${file} in .dockerignore`).toBe(true);
    }
  });

  it('runs as a user without rights', () => {
    expect(
      read(path)
        .match(/^USER (\S+)$/gm)
        ?.at(-1),
    ).not.toMatch(/root|^USER 0/);
  });
});
