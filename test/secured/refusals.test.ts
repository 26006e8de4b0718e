// Every way in which a Kafka refuses a connection, in each command that connects: the first line
// says why within 5 s, and the command ends, since another attempt would meet the same.
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { makeAuthority } from '../certificates.ts';
import { cli, freshDataDir } from '../cli/captured-cli.ts';
import { freePort } from '../free-port.ts';
import { startProgram } from '../integration/program.ts';
import { startSecuredServices, type SecuredServices } from './secured-services.ts';

type Settings = Readonly<Record<string, string>>;

let services: SecuredServices;
const foreign = makeAuthority();

beforeAll(async () => {
  services = await startSecuredServices();
}, 120_000);
afterAll(() => services.stop());

const ours = (): Settings => ({ KAFKA_SSL_CA: services.authority.ca });
const login = (user: string, secret: string, mechanism: string = 'plain'): Settings => ({
  KAFKA_SASL_MECHANISM: mechanism,
  KAFKA_SASL_USERNAME: user,
  KAFKA_SASL_PASSWORD: secret,
});
const pair = (cert: string, key: string): Settings => ({
  KAFKA_SSL_CERT: cert,
  KAFKA_SSL_KEY: key,
});
const token = (value: string): Settings => ({
  KAFKA_SASL_MECHANISM: 'oauthbearer',
  KAFKA_OAUTH_TOKEN_URL: services.tokens.tokenUrl,
  KAFKA_OAUTH_CLIENT_ID: 'service',
  KAFKA_OAUTH_CLIENT_SECRET: value,
  KAFKA_OAUTH_CA: services.authority.ca,
});
const kafka = (listener: keyof SecuredServices['listeners']): Settings => ({
  KAFKA_BROKERS: services.listeners[listener],
});

const passwordRefused = /refused the login of user \S+ with [\w-]+: .*KAFKA_SASL_PASSWORD/;

/** Each is a mistake, settings with it, and the first line that names it. */
const refusals: readonly (readonly [string, () => Settings, RegExp])[] = [
  [
    'a wrong password',
    () => ({ ...ours(), ...kafka('saslSsl'), ...login('u1', 'hunter2') }),
    passwordRefused,
  ],
  [
    'an unknown user',
    () => ({ ...ours(), ...kafka('saslSsl'), ...login('nobody', 'hunter2') }),
    passwordRefused,
  ],
  [
    'a wrong password of SCRAM',
    () => ({ ...ours(), ...kafka('saslSsl'), ...login('scram512', 'hunter2', 'scram-sha-512') }),
    passwordRefused,
  ],
  [
    'a wrong client secret',
    () => ({ ...ours(), ...kafka('saslSsl'), ...token('hunter2') }),
    /answered 401: invalid_client; check KAFKA_OAUTH_CLIENT_ID/,
  ],
  [
    'another authority',
    () => ({ KAFKA_SSL_CA: foreign.ca, ...kafka('saslSsl'), ...login('u1', 'secret-u1') }),
    /signed by an authority that KAFKA_SSL_CA does not hold/,
  ],
  ['an expired server', () => ({ ...ours(), ...kafka('expired') }), /certificate has expired/],
  [
    'another host name',
    () => ({ ...ours(), ...kafka('otherHost') }),
    /certificate is for another host/,
  ],
  [
    'TLS forgotten',
    () => ({ ...kafka('saslSsl'), ...login('u1', 'secret-u1') }),
    /answers in TLS; set KAFKA_SSL/,
  ],
  [
    'SASL forgotten',
    () => ({ ...ours(), ...kafka('saslSsl') }),
    /wants a login; set KAFKA_SASL_MECHANISM to one of .*OAUTHBEARER/,
  ],
  [
    'TLS where there is none',
    () => ({ ...ours(), KAFKA_BROKERS: services.kafka.brokers }),
    /does not speak TLS/,
  ],
  [
    'a login where there is none',
    () => ({ KAFKA_BROKERS: services.kafka.brokers, ...login('u1', 'secret-u1') }),
    /takes no login; unset KAFKA_SASL_MECHANISM/,
  ],
  [
    'no client certificate',
    () => ({ ...ours(), ...kafka('mtls') }),
    /wants a client certificate; set KAFKA_SSL_CERT/,
  ],
  [
    'a foreign client certificate',
    () => {
      const { cert, key } = foreign.issue('client');
      return { ...ours(), ...kafka('mtls'), ...pair(cert, key) };
    },
    /refuses the client certificate in KAFKA_SSL_CERT/,
  ],
  [
    'an expired client certificate',
    () => {
      const { cert, key } = services.authority.issue('late', { days: -1 });
      return { ...ours(), ...kafka('mtls'), ...pair(cert, key) };
    },
    /KAFKA_SSL_CERT expired at/,
  ],
  [
    'an encrypted key',
    () => {
      const { cert, key } = services.authority.issue('locked', { passphrase: 'hunter2' });
      return { ...ours(), ...kafka('mtls'), ...pair(cert, key) };
    },
    /KAFKA_SSL_KEY is encrypted: set KAFKA_SSL_KEY_PASSWORD/,
  ],
  [
    'the key of another certificate',
    () => {
      const { key } = services.authority.issue('another');
      return { ...ours(), ...kafka('mtls'), ...pair(services.client.cert, key) };
    },
    /KAFKA_SSL_KEY is not the key of the certificate/,
  ],
  [
    'an empty CA',
    () => ({ KAFKA_SSL_CA: '/dev/null', ...kafka('saslSsl') }),
    /KAFKA_SSL_CA names an empty file/,
  ],
  [
    'a folder as CA',
    () => ({ KAFKA_SSL_CA: '/tmp', ...kafka('saslSsl') }),
    /KAFKA_SSL_CA is neither PEM text nor a file: its path is a folder/,
  ],
];

const commands = ['doctor', 'run', 'produce', 'audit'] as const;
const firstLineMsMax = 5_000;

describe('a connection with', () => {
  it.each(refusals)(
    '%s is refused with its cause by each command',
    async (_name, settings, cause) => {
      for (const command of commands) {
        const startedMs = performance.now();
        const { exitCode, out, err } = await cli(wordsOf(command), {
          ...settings(),
          ...{ LOG_LEVEL: 'fatal', DATA_DIR: freshDataDir() },
        });
        const tookMs = performance.now() - startedMs;

        const lines = (out + err).split('\n').filter((line) => line !== '');
        const first =
          command === 'doctor' ? lines.find((line) => line.startsWith('fail')) : lines[0];
        expect(first, command).toMatch(cause);
        expect(exitCode, command).toBeGreaterThan(0);
        expect(tookMs, command).toBeLessThan(firstLineMsMax);
        expect(out + err).not.toContain('hunter2');
      }
    },
  );

  it('no broker at its address is named within 5 s by `run`, which goes on waiting', async () => {
    const mute = createServer(() => undefined);
    mute.listen(0, '127.0.0.1');
    await once(mute, 'listening');
    const { port } = mute.address() as AddressInfo;
    const waits = [
      [`127.0.0.1:${await freePort()}`, 'ECONNREFUSED'],
      [`127.0.0.1:${port}`, 'no answer within 3 s'],
    ] as const;
    for (const [broker, reason] of waits) {
      const program = await startProgram({ KAFKA_BROKERS: broker });
      try {
        await expect
          .poll(() => program.output().split('\n')[0], { timeout: 2 * firstLineMsMax })
          .toBe(
            `waiting for Kafka at ${broker}: no Kafka broker can be reached: ${broker}: ${reason}`,
          );
      } finally {
        await program.kill();
      }
    }
    mute.close();
  });
});

function wordsOf(command: (typeof commands)[number]): readonly string[] {
  return command === 'produce' ? ['produce', '--sensors', '1', '--duration', '1'] : [command];
}
