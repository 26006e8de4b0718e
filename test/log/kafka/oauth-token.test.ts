import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { UnavailableError } from '../../../src/errors.ts';
import { keepToken, tokenKeeper, type OauthToken } from '../../../src/log/kafka/oauth-token.ts';
import { keepingLogger, type LoggedLine } from '../../supervisor/keeping-logger.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const lifetimeMs = 100_000;

/** A provider whose tokens are counted, and which fails while `isAway`. */
class Provider {
  asked = 0;
  isAway = false;
  readonly lines: LoggedLine[] = [];
  readonly ask = (): Promise<OauthToken> => {
    this.asked += 1;
    if (this.isAway) return Promise.reject(new UnavailableError('the provider is away'));
    const expiresAtMs = Date.now() + lifetimeMs;
    return Promise.resolve({ value: `token-${this.asked}`, expiresAtMs });
  };
  readonly keeper = keepToken(this.ask, true, keepingLogger(this.lines));
}

describe('the token for Kafka', () => {
  it('is asked for once, by whoever comes first, and renewed before it expires', async () => {
    const provider = new Provider();
    const { keeper } = provider;

    const both = await Promise.all([keeper.token(), keeper.token()]);
    await vi.advanceTimersByTimeAsync(lifetimeMs * 0.6);
    const later = await keeper.token();
    await vi.advanceTimersByTimeAsync(lifetimeMs * 0.2);
    const renewed = await keeper.token();

    const values = [...both, later, renewed].map(({ value }) => value);
    expect(values).toEqual(['token-1', 'token-1', 'token-1', 'token-2']);
    expect(provider.asked).toBe(2);
  });

  it('is used on while its renewal fails, which is named without it, until it expires', async () => {
    const provider = new Provider();
    await provider.keeper.token();
    provider.isAway = true;

    await vi.advanceTimersByTimeAsync(lifetimeMs * 0.9);
    const kept = await provider.keeper.token();
    await vi.advanceTimersByTimeAsync(lifetimeMs * 0.1);

    expect(kept.value).toBe('token-1');
    expect(provider.lines[0]).toEqual({
      level: 'warn',
      fields: { reason: 'the provider is away' },
      message: 'the token for Kafka cannot be renewed',
    });
    expect(JSON.stringify(provider.lines)).not.toContain('token-1');
    await expect(provider.keeper.token()).rejects.toThrow('the provider is away');
  });

  it('is renewed by itself once its provider is back', async () => {
    const provider = new Provider();
    await provider.keeper.token();
    provider.isAway = true;
    await vi.advanceTimersByTimeAsync(lifetimeMs * 0.75);
    const askedBefore = provider.asked;
    provider.isAway = false;

    await vi.advanceTimersByTimeAsync(lifetimeMs * 0.2);

    const { value } = await provider.keeper.token();
    expect(provider.asked).toBe(askedBefore + 1);
    expect(value).toBe(`token-${askedBefore + 1}`);
  });

  it('of a file is read for each login, though the one before has not expired', async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'sensorium-token-')), 'token');
    const source = { kind: 'file', path } as const;
    const keeper = tokenKeeper(
      { mechanism: 'oauthbearer', source, extensions: {} },
      keepingLogger(),
    );
    const subjects: unknown[] = [];
    for (const sub of ['first', 'second']) {
      const exp = Math.ceil((Date.now() + lifetimeMs) / 1_000);
      const claims = Buffer.from(JSON.stringify({ sub, exp })).toString('base64url');
      writeFileSync(path, `e30.${claims}.x`);

      await keeper.token();
      subjects.push(keeper.subject());
    }

    expect(subjects).toEqual(['first', 'second']);
  });

  it('names its subject, and none where it is no JWT', async () => {
    const claims = Buffer.from(JSON.stringify({ sub: 'service' })).toString('base64url');
    const subjects: unknown[] = [];
    for (const value of [`e30.${claims}.x`, 'opaque']) {
      const ask = () => Promise.resolve({ value, expiresAtMs: undefined });
      const keeper = keepToken(ask, true, keepingLogger());
      await keeper.token();
      subjects.push(keeper.subject());
    }

    expect(subjects).toEqual(['service', undefined]);
  });
});
