// One connection to an MQTT broker, for `doctor`: it logs in, subscribes and leaves. With a client
// id of its own and a clean session it neither takes over the program's session nor keeps messages.
import { connectAsync } from 'mqtt';

import { UnavailableError } from '../errors.ts';
import { clientOptions, refusedQos, type MqttSessionOptions } from './mqtt-session.ts';

export interface TriedSession {
  /** Granted for the filter; undefined where the broker refuses it. */
  readonly qos: number | undefined;
  readonly milliseconds: number;
}

/**
 * Resolves with what the broker answers.
 * @throws UnavailableError with its reason, or that of the connection.
 */
export async function trySession(
  options: Omit<MqttSessionOptions, 'logger'>,
  nowMs: () => number,
): Promise<TriedSession> {
  const { filter, url } = options;
  const once = { ...clientOptions(options), clean: true, reconnectPeriod: 0 };
  const startMs = nowMs();
  const client = await connectAsync(url, once, false).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UnavailableError(`the MQTT broker at ${url} refuses the connection: ${reason}`);
  });
  try {
    const [granted] = await client.subscribeAsync(filter, { qos: 1 }).catch(() => []);
    const qos = granted === undefined || granted.qos === refusedQos ? undefined : granted.qos;
    return { qos, milliseconds: nowMs() - startMs };
  } finally {
    await client.endAsync(true);
  }
}
