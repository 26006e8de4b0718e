// A publisher at QoS 1 that knows which of its numbers the broker has acknowledged.
import { connectAsync, type IClientOptions } from 'mqtt';

import { eventually } from '../integration/program.ts';

export interface Publisher {
  /** Publishes the next number; resolves once the broker has acknowledged it. */
  publish(): Promise<void>;
  /** Publishes without end, through reconnects; returns what ends it. */
  load(): () => Promise<void>;
  /** The numbers that were acknowledged, in that order. */
  acknowledged(): readonly number[];
  /** Forgets the acknowledgements from one on, as their broker has. */
  forgetFrom(index: number): void;
  /** Resolves once so many more were acknowledged. */
  acknowledgedMore(count: number): Promise<void>;
  close(): Promise<void>;
}

const sensors = 20;
const underWayMax = 20;

/** Resolves with a publisher that is connected. Numbers go to topics `factory/n<0-3>/sensor/<0-19>`. */
export async function startPublisher(
  url: string,
  options: IClientOptions = {},
): Promise<Publisher> {
  const fixed = { reconnectPeriod: 200, clientId: 'publisher' };
  const client = await connectAsync(url, { ...fixed, ...options });
  // A broker that is away: the client connects again.
  client.on('error', () => undefined);
  let next = 0;
  let total = 0;
  let acknowledged: number[] = [];
  const publish = async (): Promise<void> => {
    const number = next;
    next += 1;
    const topic = `factory/n${number % 4}/sensor/${number % sensors}`;
    await client.publishAsync(topic, String(number), { qos: 1 });
    acknowledged.push(number);
    total += 1;
  };
  return {
    publish,
    load() {
      let isOn = true;
      const lanes = Array.from({ length: underWayMax }, async () => {
        while (isOn) await publish();
      });
      return async () => {
        isOn = false;
        await Promise.all(lanes);
      };
    },
    acknowledged: () => acknowledged,
    forgetFrom(index) {
      acknowledged = acknowledged.slice(0, index);
    },
    acknowledgedMore(count) {
      const wanted = total + count;
      return eventually(
        async () => {
          if (total < wanted) throw new Error(`${total} of ${wanted} were acknowledged`);
        },
        { timeoutMs: 20_000 },
      );
    },
    close: () => client.endAsync(true),
  };
}
