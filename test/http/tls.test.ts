import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, describe, expect, it, vi } from 'vitest';

import { parseConfig } from '../../src/config/config.ts';
import { createHttpServer } from '../../src/http/server.ts';
import { readTlsPair, watchTlsPair, type TlsPair } from '../../src/http/tls.ts';
import { keepingLogger, type LoggedLine } from '../supervisor/keeping-logger.ts';
import { emptyStore, InMemorySupervisor } from './in-memory-supervisor.ts';

const folder = mkdtempSync(join(tmpdir(), 'sensorium-https-'));
afterAll(() => rmSync(folder, { recursive: true }));

const both = readFileSync(new URL('../log/kafka/localhost-tls.pem', import.meta.url), 'utf8');
const certBegin = both.indexOf('-----BEGIN CERTIFICATE');
const [key, cert] = [both.slice(0, certBegin), both.slice(certBegin)];
const foreign = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  .privateKey.export({ format: 'pem', type: 'pkcs8' })
  .toString();
const files = { certFile: join(folder, 'cert.pem'), keyFile: join(folder, 'key.pem') };
const write = (certText: string, keyText: string): void => {
  writeFileSync(files.certFile, certText);
  writeFileSync(files.keyFile, keyText);
};

describe('the HTTP server with a certificate', () => {
  it('answers over TLS, and plain requests not at all', async () => {
    write(cert, key);
    const config = parseConfig({
      ...{ HTTP_TLS_CERT_FILE: files.certFile, HTTP_TLS_KEY_FILE: files.keyFile },
      HTTP_PORT: '0',
    });
    const server = createHttpServer({
      supervisor: new InMemorySupervisor(),
      featureStore: emptyStore,
      ...{ config, logger: keepingLogger() },
    });
    const url = await server.listen();
    try {
      expect(url).toMatch(/^https:/);
      expect(await statusOf(`${url}/health/live`)).toBe(200);
      await expect(fetch(`${url.replace('https', 'http')}/health/live`)).rejects.toThrow();
    } finally {
      await server.close();
    }
  });

  it.each([
    ['HTTP_TLS_KEY_FILE is not the key', cert, foreign],
    ['expected a PEM certificate and a PEM key', 'x', key],
  ])('is refused at the start: %s', (message, certText, keyText) => {
    write(certText, keyText);

    expect(() => readTlsPair(files)).toThrow(message);
    expect(() => readTlsPair({ ...files, certFile: '/no/such' })).toThrow(/CERT_FILE.*ENOENT/);
  });

  it('takes a changed pair, and waits out half of one with one warning', async () => {
    write(cert, key);
    const lines: LoggedLine[] = [];
    const used: TlsPair[] = [];
    const logger = keepingLogger(lines);
    const use = (pair: TlsPair): void => void used.push(pair);
    const stop = watchTlsPair(files, readTlsPair(files), { everyMs: 5, logger, use });
    try {
      write(`${cert}\n`, foreign);
      await vi.waitFor(() => expect(lines).toHaveLength(1));
      write(`${cert}\n`, key);
      await vi.waitFor(() => expect(used).toEqual([{ cert: `${cert}\n`, key }]));
    } finally {
      stop();
    }
    expect(lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
  });
});

function statusOf(url: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const asked = get(url, { ca: cert, servername: 'localhost' }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    });
    asked.once('error', reject);
  });
}
