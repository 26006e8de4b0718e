import { createRequire } from 'node:module';
import fc from 'fast-check';
import { expect, it } from 'vitest';

import { takeFrame } from '../../../src/log/kafka/frame-pool.ts';
import {
  framingCreateRequest,
  RequestFrame,
  type CreateRequest,
} from '../../../src/log/kafka/request-frame.ts';

interface Encoder {
  readonly buffer: Buffer;
  writeBuffer(bytes: Buffer): Encoder;
}

const require = createRequire(import.meta.url);
const KafkajsEncoder = require('kafkajs/src/protocol/encoder') as new () => Encoder;
const createRequest = require('kafkajs/src/protocol/request') as CreateRequest;
const framed = framingCreateRequest(createRequest, KafkajsEncoder);

const requestOf = (payload: Encoder | RequestFrame): Parameters<CreateRequest>[0] => {
  const request = { apiKey: 0, apiVersion: 7, encode: () => Promise.resolve(payload) };
  return { correlationId: 7, clientId: 'sensorium-ä', request } as Parameters<CreateRequest>[0];
};

it('a request in a frame is the one kafkajs builds by copying', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 5 }),
      async (parts) => {
        const copied = await createRequest(
          requestOf(new KafkajsEncoder().writeBuffer(Buffer.concat(parts))),
        );
        const inFrame = await framed(requestOf(new RequestFrame(parts)));

        expect(inFrame.buffer.equals(copied.buffer)).toBe(true);
      },
    ),
  );
});

it('a request of another kind is built as ever', async () => {
  const payload = new KafkajsEncoder().writeBuffer(Buffer.from('metadata'));

  const request = await framed(requestOf(payload));

  expect(request.buffer).toEqual((await createRequest(requestOf(payload))).buffer);
});

it('a part is written into the frame in place', () => {
  const write = (into: Buffer, at: number): void => void into.write('batch', at);

  const { buffer } = new RequestFrame([
    Buffer.from('before '),
    { bytes: 5, write },
    Buffer.from(' after'),
  ]);

  expect(buffer.toString()).toBe('before batch after');
});

it('the memory of a request is used again once it was released, and not before', () => {
  const frame = new RequestFrame([Buffer.alloc(400_000)]);

  const meanwhile = takeFrame(400_000);
  frame.release();
  const afterwards = takeFrame(400_000);

  expect(meanwhile.buffer).not.toBe(frame.buffer.buffer);
  expect(afterwards.buffer).toBe(frame.buffer.buffer);
});

it('a header longer than the room for it is refused, not written over the body', () => {
  const frame = new RequestFrame([Buffer.from('body')]);

  expect(() => frame.begin(Buffer.alloc(1_025))).toThrow(/header of a request is too long/);
});

it('kafkajs itself can copy a frame, as where it was loaded before its requests were replaced', async () => {
  const frame = new RequestFrame([Buffer.from('body')]);
  const copied = new KafkajsEncoder().writeBuffer(Buffer.from('body'));

  const request = await createRequest(requestOf(frame));

  expect(request.buffer.equals((await createRequest(requestOf(copied))).buffer)).toBe(true);
});
