import { spawnSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { createWebhook } from '../../src/delivery/webhook.ts';
import { alarmTargetContract } from '../contracts/alarm-target.contract.ts';
import { alarmEvent, notice } from './alarm-events.ts';
import { startReceiver, type Receiver } from './receiver.ts';

const secret = 'a secret: ü';
const clock = { nowMs: () => 1_700_000_041_999 };
const never = new AbortController().signal;

interface Body {
  readonly alarms: readonly { readonly id: string }[];
}

alarmTargetContract({
  name: 'webhook',
  create: (url) => createWebhook({ url, secret, clock }),
  namesIn: (body) => (JSON.parse(body) as Body).alarms.map(({ id }) => id),
});

// Shares no code with the program: Python's hmac, over what arrived.
const verify = `
import hashlib, hmac, sys
header, body = sys.argv[1], sys.stdin.buffer.read()
parts = dict(item.split("=", 1) for item in header.split(","))
digest = hmac.new(sys.argv[2].encode(), parts["t"].encode() + b"." + body, hashlib.sha256)
print(parts["t"], hmac.compare_digest(digest.hexdigest(), parts["v1"]))
`;

describe('the webhook', () => {
  let receiver: Receiver;

  beforeEach(async () => {
    receiver = await startReceiver();
  });
  afterEach(() => receiver.close());

  it('posts the records as they are in the topic, with their place in the log', async () => {
    await createWebhook({ url: `${receiver.url}/in?a=b`, secret, clock }).post(
      { site: 'plant1', notices: [notice(3)] },
      never,
    );

    const [{ path, body } = { path: '', body: '' }] = receiver.received;
    expect(path).toBe('/in?a=b');
    expect(JSON.parse(body)).toEqual({
      version: 1,
      site: 'plant1',
      alarms: [{ id: 'anomalies/0/3', ...alarmEvent() }],
    });
  });

  it('has the same idempotency key for the same records, and another for others', async () => {
    const post = (...offsets: readonly number[]): Promise<unknown> =>
      createWebhook({ url: receiver.url, secret, clock }).post(
        { site: '', notices: offsets.map((offset) => notice(offset)) },
        never,
      );

    await post(1, 2);
    await post(1, 2);
    await post(12);

    const keys = receiver.received.map(({ headers }) => headers['idempotency-key']);
    expect(keys[0]).toMatch(/^[0-9a-f]{32}$/);
    expect(keys[1]).toBe(keys[0]);
    expect(keys[2]).not.toBe(keys[0]);
  });

  it.skipIf(spawnSync('python3', ['--version']).status !== 0)(
    'has a signature that Python verifies, and no longer once a byte has changed',
    async () => {
      const webhook = createWebhook({ url: receiver.url, secret, clock });
      await webhook.post({ site: 'é', notices: [notice(3, { explanation: 'ü ≥ 3 σ' })] }, never);
      const signature = String(receiver.received[0]?.headers['sensorium-signature']);
      const body = receiver.received[0]?.body ?? '';
      const verified = (input: string): string =>
        spawnSync('python3', ['-c', verify, signature, secret], {
          input,
        }).stdout.toString();

      expect(verified(body)).toBe('1700000041 True\n');
      expect(verified(body.replace('é', 'e'))).toBe('1700000041 False\n');
    },
  );
});
