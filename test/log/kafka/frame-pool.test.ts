import { expect, it } from 'vitest';

import { frameRelease, holdFrame, takeFrame } from '../../../src/log/kafka/frame-pool.ts';

it('a frame is used again once its last holder has released it, and not before', () => {
  const frame = takeFrame(200_000);
  const first = frame.subarray(0, 10);
  const second = frame.subarray(100, 110);
  holdFrame(first);
  holdFrame(second);

  frameRelease(first)();
  const meanwhile = takeFrame(200_000);
  frameRelease(second)();
  const afterwards = takeFrame(190_000);

  expect(meanwhile.buffer).not.toBe(frame.buffer);
  expect(afterwards.buffer).toBe(frame.buffer);
  expect(afterwards.length).toBe(190_000);
});

it('one holder that releases twice does not release for another', () => {
  const frame = takeFrame(300_000);
  holdFrame(frame);
  holdFrame(frame);

  const release = frameRelease(frame);
  release();
  release();

  expect(takeFrame(300_000).buffer).not.toBe(frame.buffer);
});

it('bytes that lie in no frame are released without effect', () => {
  const bytes = new Uint8Array(300_000);
  holdFrame(bytes);

  frameRelease(bytes)();

  expect(takeFrame(300_000).buffer).not.toBe(bytes.buffer);
});
