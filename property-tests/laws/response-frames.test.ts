// Responses of a broker through the receiver: whatever pieces the network makes of them, each comes out whole.
import fc from 'fast-check';
import { expect, it } from 'vitest';

import { FrameReceiver } from '../../src/log/kafka/frame-socket.ts';
import { holds, runs, titled } from '../seed.ts';

const payload = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  // Around the size of the scratch memory, where a response gets a frame of its own.
  fc.integer({ min: 65_520, max: 65_560 }).map((bytes) => new Uint8Array(bytes).fill(bytes & 255)),
  fc.integer({ min: 1, max: 400_000 }).map((bytes) => new Uint8Array(bytes).fill(bytes & 255)),
);
const cuts = fc.array(
  fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 300_000 })),
  { minLength: 1 },
);

function framed(bytes: Uint8Array): Buffer {
  const frame = Buffer.alloc(4 + bytes.length);
  frame.writeInt32BE(bytes.length);
  frame.set(bytes, 4);
  return frame;
}

/** Gives `stream` to the receiver in pieces of `lengths`, over and over, none longer than there is room for. */
function receive(stream: Buffer, lengths: readonly number[], receiver: FrameReceiver): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0, turn = 0; at < stream.length; turn += 1) {
    const room = receiver.room();
    const length = Math.min(lengths[turn % lengths.length] ?? 1, room.length, stream.length - at);
    stream.copy(room, 0, at, at + length);
    if (!receiver.received(length, (frame) => frames.push(frame))) break;
    at += length;
  }
  return frames;
}

it(titled('responses come out whole and in order, whatever pieces they arrive in'), async () => {
  await holds(
    fc.property(fc.array(payload, { maxLength: 6 }), cuts, (payloads, lengths) => {
      const frames = payloads.map(framed);

      const received = receive(Buffer.concat(frames), lengths, new FrameReceiver());

      expect(received.length).toBe(frames.length);
      received.forEach((frame, index) =>
        expect(frame.equals(frames[index] ?? Buffer.alloc(0))).toBe(true),
      );
    }),
    runs(200),
  );
});

it(titled('what is no length of a response is refused, with the number it would be'), async () => {
  await holds(
    fc.property(
      fc.oneof(fc.integer({ max: -1 }), fc.integer({ min: 512 * 1024 * 1024 + 1 })),
      payload,
      (announced, before) => {
        const length = Buffer.alloc(4);
        length.writeInt32BE(announced);
        const receiver = new FrameReceiver();

        const received = receive(Buffer.concat([framed(before), length]), [1_000], receiver);

        expect(received.length).toBe(1);
        expect(receiver.announced).toBe(announced);
      },
    ),
    runs(100),
  );
});
