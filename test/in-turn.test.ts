import { expect, it } from 'vitest';

import { deferred } from '../src/deferred.ts';
import { inTurn } from '../src/in-turn.ts';

it('an action begins once the one before has ended, also where that failed', async () => {
  const runInTurn = inTurn();
  const first = deferred<string>();
  const begun: string[] = [];
  const action = (name: string, ends: Promise<string>) => async (): Promise<string> => {
    begun.push(name);
    return ends;
  };

  const failing = runInTurn(action('first', first.promise));
  const following = runInTurn(action('second', Promise.resolve('done')));
  await Promise.resolve();
  const begunBefore = [...begun];
  first.reject(new Error('away'));

  await expect(failing).rejects.toThrow('away');
  await expect(following).resolves.toBe('done');
  expect(begunBefore).toEqual(['first']);
  expect(begun).toEqual(['first', 'second']);
});
