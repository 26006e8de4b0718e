import { describe, expect, it } from 'vitest';

import { ConfigError, UnavailableError, type ErrorData } from '../../src/errors.ts';
import { pendingRequestsMax, ThreadRequests } from '../../src/supervisor/thread-requests.ts';
import { ManualClock } from './manual-clock.ts';

interface Answer {
  readonly requestId: number;
  readonly text: string;
}

const ignore = (): void => undefined;

describe('requests to a thread', () => {
  it('gives each request its own answer, in any order', async () => {
    const requests = new ThreadRequests<Answer>(new ManualClock(), 'worker 0');
    const sent: number[] = [];
    const first = requests.ask((id) => sent.push(id), 1_000);
    const second = requests.ask((id) => sent.push(id), 1_000);

    for (const requestId of [...sent].reverse())
      requests.answer({ requestId, text: `${requestId}` });

    expect([(await first).text, (await second).text]).toEqual(sent.map(String));
  });

  it('rejects after the timeout, and drops a later answer', async () => {
    const clock = new ManualClock();
    const requests = new ThreadRequests<Answer>(clock, 'worker 0');
    const question = requests.ask(ignore, 1_000);

    clock.advance(1_000);

    await expect(question).rejects.toThrow('worker 0 did not answer within 1000 ms');
    expect(() => requests.answer({ requestId: 1, text: 'late' })).not.toThrow();
  });

  it('rejects with the error that the thread answers with, as its own class', async () => {
    const requests = new ThreadRequests<Answer & { readonly error?: ErrorData }>(
      new ManualClock(),
      'worker 0',
    );
    const question = requests.ask(ignore, 1_000);
    const error = { code: 'CONFIG', message: 'User:s lacks Read on topic t', details: {} };

    requests.answer({ requestId: 1, text: '', error });

    await expect(question).rejects.toThrow(ConfigError);
    await expect(question).rejects.toThrow('User:s lacks Read on topic t');
  });

  it('sends a silent thread only a bounded number of requests', async () => {
    const clock = new ManualClock();
    const requests = new ThreadRequests<Answer>(clock, 'worker 0');
    let sent = 0;
    const count = (): void => void (sent += 1);
    const waiting = Array.from({ length: pendingRequestsMax }, () => requests.ask(count, 1_000));

    await expect(requests.ask(count, 1_000)).rejects.toBeInstanceOf(UnavailableError);

    expect(sent).toBe(pendingRequestsMax);
    requests.abandon();
    await Promise.allSettled(waiting);
  });

  it('rejects all pending requests when the thread ends, and leaves no timer behind', async () => {
    const clock = new ManualClock();
    const requests = new ThreadRequests<Answer>(clock, 'worker 0');
    const question = requests.ask(ignore, 1_000);

    requests.abandon();

    await expect(question).rejects.toThrow('worker 0 ended before it answered');
    expect(clock.delays()).toEqual([]);
  });
});
