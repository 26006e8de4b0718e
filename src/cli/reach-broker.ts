// Tests once whether any broker can be reached. The log retries for a minute, which suits a
// pipeline but leaves somebody who mistyped a host in front of a silent terminal.
import { connect } from 'node:net';

import { UnavailableError } from '../errors.ts';

const timeoutMs = 5_000;

/**
 * Resolves once one of `brokers` (host:port) accepts a connection.
 * @throws UnavailableError with the reason of every broker.
 */
export async function reachBroker(brokers: readonly string[]): Promise<void> {
  try {
    await Promise.any(brokers.map((broker) => reach(broker)));
  } catch (error) {
    const reasons = error instanceof AggregateError ? error.errors : [error];
    const texts = reasons.map((reason) => (reason instanceof Error ? reason.message : 'unknown'));
    throw new UnavailableError(`no Kafka broker can be reached: ${texts.join('; ')}`, {}, error);
  }
}

function reach(broker: string): Promise<void> {
  const colon = broker.lastIndexOf(':');
  const host = broker.slice(0, colon).replace(/^\[|\]$/g, '');
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(broker.slice(colon + 1)), timeout: timeoutMs });
    const end = (reason?: string): void => {
      socket.destroy();
      if (reason === undefined) resolve();
      else reject(new Error(`${broker}: ${reason}`));
    };
    socket.once('connect', () => end());
    socket.once('timeout', () => end(`no answer within ${timeoutMs / 1_000} s`));
    // Dual-stack hosts fail with one error per address and an empty message.
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
  });
}
