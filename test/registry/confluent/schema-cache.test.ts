import { describe, expect, it } from 'vitest';

import type { Clock } from '../../../src/clock.ts';
import type { RegisteredSchema } from '../../../src/codecs/writer-schema.ts';
import { UnavailableError } from '../../../src/errors.ts';
import { SchemaCache, schemasMax } from '../../../src/registry/confluent/schema-cache.ts';

const long: RegisteredSchema = { type: 'AVRO', text: '"long"', references: [] };

/** Time passes only in sleeps. */
function steppedClock(): Clock {
  let now = 1_000_000;
  return {
    nowMs: () => now,
    monotonicMs: () => now,
    after: () => ({ cancel: () => undefined }),
    sleep: (delayMs) => {
      now += delayMs;
      return Promise.resolve();
    },
  };
}

type Answer = RegisteredSchema | 'unknown' | 'away';

function cacheOf(answer: (id: number, asked: number) => Answer): {
  readonly cache: SchemaCache;
  readonly asked: number[];
} {
  const asked: number[] = [];
  const client = {
    subjects: () => Promise.resolve(0),
    register: () => Promise.resolve(0),
    schema: (id: number) => {
      asked.push(id);
      const given = answer(id, asked.length);
      if (given === 'away') return Promise.reject(new UnavailableError('away'));
      return Promise.resolve(given === 'unknown' ? undefined : given);
    },
  };
  return { cache: new SchemaCache(client, 'ms', steppedClock()), asked };
}

const options = (failed: unknown[] = []): Parameters<SchemaCache['load']>[1] => ({
  onFailed: (error) => failed.push(error),
  signal: new AbortController().signal,
});

describe('a schema', () => {
  it('is asked for once, and found from then on', async () => {
    const { cache, asked } = cacheOf(() => long);

    const loads = await Promise.all([cache.load(7, options()), cache.load(7, options())]);

    expect(loads).toEqual(['loaded', 'loaded']);
    expect(asked).toEqual([7]);
    expect(cache.find(7)?.read(Buffer.from([84]), 0, 1)).toEqual({ value: 42 });
    expect(cache.find(8)).toBeUndefined();
  });

  it('is waited for while the registry does not answer, however long', async () => {
    const failed: unknown[] = [];
    const { cache } = cacheOf((_, asked) => (asked < 50 ? 'away' : long));

    expect(await cache.load(7, options(failed))).toBe('loaded');
    expect(failed).toHaveLength(49);
  });

  it('is unknown only once the registry says so, after a time of grace', async () => {
    const soon = cacheOf((_, asked) => (asked < 4 ? 'unknown' : long));
    const never = cacheOf(() => 'unknown');

    expect(await soon.cache.load(7, options())).toBe('loaded');
    expect(await never.cache.load(7, options())).toBe('unknown');
    expect(never.asked.length).toBeGreaterThan(3);
  });

  it('that is one of many unknown ones gets no time of grace', async () => {
    const { cache, asked } = cacheOf(() => 'unknown');
    await cache.load(1, options());
    const before = asked.length;

    for (let id = 2; id < 102; id += 1) expect(await cache.load(id, options())).toBe('unknown');

    expect(asked.length - before).toBe(100);
  });

  it('ends its wait when it is told to', async () => {
    const { cache } = cacheOf(() => 'away');
    const controller = new AbortController();
    let failures = 0;

    const loading = cache.load(7, {
      signal: controller.signal,
      onFailed: () => {
        failures += 1;
        if (failures === 3) controller.abort(new Error('the session is over'));
      },
    });

    await expect(loading).rejects.toThrow('the session is over');
  });

  it('that was used longest ago is dropped where there are too many', async () => {
    const { cache } = cacheOf(() => long);
    for (let id = 0; id < schemasMax; id += 1) await cache.load(id, options());
    expect(cache.find(0)).toBeDefined();

    await cache.load(schemasMax, options());

    expect(cache.size).toBe(schemasMax);
    expect(cache.find(0)).toBeDefined();
    expect(cache.find(1)).toBeUndefined();
  });
});
