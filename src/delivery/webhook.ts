// Posts alarm records to a webhook of the user's. The signature is of the form that receivers know
// from Stripe: HMAC-SHA256 over the time, a dot and the body, in hexadecimal.
//
//   Sensorium-Signature: t=1700000041,v1=5257a869e7…
//   Idempotency-Key: the same for the same records
import { createHash, createHmac } from 'node:crypto';

import type { Clock } from '../clock.ts';
import type { AlarmGroup, AlarmTarget, PostOutcome } from './alarm-target.ts';
import { postJson } from './post-json.ts';

export interface WebhookOptions {
  readonly url: string;
  readonly secret: string;
  readonly clock: Pick<Clock, 'nowMs'>;
}

/** Returns the target that posts to `url`. */
export function createWebhook({ url, secret, clock }: WebhookOptions): AlarmTarget {
  return {
    name: 'webhook',
    post(group: AlarmGroup, signal: AbortSignal): Promise<PostOutcome> {
      const body = JSON.stringify({
        version: 1,
        site: group.site,
        alarms: group.notices.map(({ id, event }) => ({ id, ...event })),
      });
      const nowMs = clock.nowMs();
      const headers = {
        'sensorium-signature': signatureOf(body, { secret, nowMs }),
        'idempotency-key': idempotencyKey(group),
      };
      return postJson({ url: new URL(url), body, headers, nowMs, signal });
    },
  };
}

/** Returns the header's value for `body`, sent at `nowMs`. */
export function signatureOf(
  body: string,
  { secret, nowMs }: { readonly secret: string; readonly nowMs: number },
): string {
  const seconds = Math.floor(nowMs / 1_000);
  const digest = createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex');
  return `t=${seconds},v1=${digest}`;
}

function idempotencyKey({ notices }: AlarmGroup): string {
  const ids = notices.map(({ id }) => id).join('\n');
  return createHash('sha256').update(ids).digest('hex').slice(0, 32);
}
