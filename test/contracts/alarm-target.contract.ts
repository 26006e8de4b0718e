// The laws of an alarm target, over Alertmanager and the webhook.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { AlarmTarget } from '../../src/delivery/alarm-target.ts';
import { notice } from '../delivery/alarm-events.ts';
import { startReceiver, type Receiver } from '../delivery/receiver.ts';

export interface AlarmTargetHarness {
  readonly name: string;
  create(url: string): AlarmTarget;
  /** Returns what names each alarm of a body that arrived. */
  namesIn(body: string): readonly string[];
}

export function alarmTargetContract({ name, create, namesIn }: AlarmTargetHarness): void {
  describe(`alarm target ${name}`, () => {
    let receiver: Receiver;
    const site = 'plant1';
    const notices = [notice(3), notice(4, { sensor_id: 'plant1/pump8', alarm_id: '5-2' })];
    const never = new AbortController().signal;

    beforeEach(async () => {
      receiver = await startReceiver();
    });
    afterEach(() => receiver.close());

    it('delivers every alarm of a group in one request, in order', async () => {
      const outcome = await create(receiver.url).post({ site, notices }, never);

      expect(outcome).toEqual({ type: 'delivered' });
      expect(receiver.received).toHaveLength(1);
      expect(new Set(namesIn(receiver.received[0]?.body ?? '')).size).toBe(2);
    });

    it('gives an alarm the same name in every delivery', async () => {
      const target = create(receiver.url);

      await target.post({ site, notices }, never);
      await create(receiver.url).post({ site, notices: notices.slice(1) }, never);

      const [first = [], second = []] = receiver.received.map(({ body }) => namesIn(body));
      expect(second).toEqual(first.slice(1));
    });

    it.each([400, 405, 410, 413, 415, 422])(
      'takes %i for a refusal of the body',
      async (status) => {
        receiver.answer = { status };

        const outcome = await create(receiver.url).post({ site, notices }, never);

        expect(outcome).toMatchObject({ type: 'refused' });
      },
    );

    it.each([301, 307, 401, 403, 404, 408, 429, 500, 502, 503])(
      'takes %i for a failure that may pass, and follows nothing',
      async (status) => {
        receiver.answer = { status, headers: { location: `${receiver.url}/elsewhere` } };

        const outcome = await create(receiver.url).post({ site, notices }, never);

        expect(outcome).toMatchObject({ type: 'failed', retryAfterMs: 0 });
        expect(receiver.received).toHaveLength(1);
      },
    );

    it.each([
      ['7', 7_000],
      ['86400', 300_000],
      ['soon', 0],
    ])('says how long to wait by Retry-After: %s', async (header, retryAfterMs) => {
      receiver.answer = { status: 503, headers: { 'retry-after': header } };

      const outcome = await create(receiver.url).post({ site, notices }, never);

      expect(outcome).toMatchObject({ type: 'failed', retryAfterMs });
    });

    it('fails where the connection ends without an answer, and where there is none', async () => {
      receiver.answer = 'none';
      const cut = await create(receiver.url).post({ site, notices }, never);
      await receiver.close();
      const gone = await create(receiver.url).post({ site, notices }, never);

      expect([cut.type, gone.type]).toEqual(['failed', 'failed']);
    });

    it('ends a post that nobody answers when it is aborted', async () => {
      receiver.answer = 'never';
      const abort = new AbortController();

      const posting = create(receiver.url).post({ site, notices }, abort.signal);
      await expect.poll(() => receiver.received.length, { timeout: 60_000 }).toBe(1);
      abort.abort();

      expect(await posting).toMatchObject({ type: 'failed' });
    });
  });
}
