// Secrets from files: the same settings as from the environment, and no secret in a message.
import { describe, expect, it } from 'vitest';

import { parseConfig } from '../../src/config/config.ts';
import { secretNames } from '../../src/config/secret-files.ts';

const files: Readonly<Record<string, string>> = {
  '/run/secrets/redis': 'redis://:hush@redis:6379\n',
  '/run/secrets/token': 'hush\r\n',
  '/run/secrets/spaced': ' hush \n\n',
  '/run/secrets/empty': '\n',
};
const machine = {
  cores: 2,
  readText(path: string): string {
    const text = files[path];
    if (text === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
    return text;
  },
};
const kafka = { KAFKA_BROKERS: 'kafka:9092' };

describe('a secret in a file', () => {
  it('is the setting, without the line end', () => {
    const env = {
      ...kafka,
      REDIS_URL_FILE: '/run/secrets/redis',
      HTTP_TOKEN_FILE: '/run/secrets/token',
    };
    const { process } = parseConfig(env, machine);

    expect(process.redis?.url).toBe('redis://:hush@redis:6379');
    expect(process.httpToken).toEqual(['hush']);
  });

  it('keeps its spaces, of which a password may begin', () => {
    const env = {
      ...kafka,
      KAFKA_SASL_MECHANISM: 'plain',
      KAFKA_SASL_USERNAME: 'u',
      KAFKA_SASL_PASSWORD_FILE: '/run/secrets/spaced',
    };
    const { process } = parseConfig(env, machine);

    expect(process.kafka?.sasl).toMatchObject({ password: ' hush \n' });
  });

  it('is refused beside the setting itself, when empty, and when unreadable', () => {
    const env = {
      ...{ HTTP_TOKEN: 'a', HTTP_TOKEN_FILE: '/run/secrets/token' },
      ...{ ...kafka, REDIS_URL_FILE: '/run/secrets/empty' },
      KAFKA_SASL_PASSWORD_FILE: '/run/secrets/gone',
    };

    expect(() => parseConfig(env, machine)).toThrow(
      /KAFKA_SASL_PASSWORD_FILE is "\/run\/secrets\/gone", which cannot be read: ENOENT/,
    );
    expect(() => parseConfig(env, machine)).toThrow(/HTTP_TOKEN and HTTP_TOKEN_FILE are both set/);
    expect(() => parseConfig(env, machine)).toThrow(/"\/run\/secrets\/empty", an empty file/);
  });

  it('is there for every secret', () => {
    expect(secretNames).toEqual(
      expect.arrayContaining(['KAFKA_SASL_PASSWORD', 'REDIS_URL', 'HTTP_TOKEN']),
    );
  });
});
