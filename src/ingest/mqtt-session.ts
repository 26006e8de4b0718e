// A persistent session at an MQTT broker. A message of QoS 1 is acknowledged when its taker says
// so, out of the library's order of work: MQTT.js acknowledges one message before it handles the
// next, so that each would wait for an append of its own.
//
//   PUBLISH ─▶ onMessage ─▶ … the log has it … ─▶ acknowledge ─▶ PUBACK, on the same connection
//
// After a reconnect the broker may have given the packet id to another message. An acknowledgement
// of the former connection is therefore dropped: the broker sends the message again.
import type { SecureContext } from 'node:tls';
import { connect, type IClientOptions, type MqttClient, type Packet } from 'mqtt';
import { generate } from 'mqtt-packet';

import { backoffMs } from '../backoff.ts';
import type { Logger } from '../logger.ts';

export interface MqttMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
  /** Kept by the broker from before the subscription. */
  readonly isRetained: boolean;
  /** Ends the broker's duty to send it again; without effect at QoS 0. Idempotent. */
  acknowledge(): void;
}

export interface MqttSessionOptions {
  readonly url: string;
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** Looked at for each connection; undefined without TLS. */
  readonly tls: { readonly secureContext: SecureContext } | undefined;
  readonly clientId: string;
  readonly version: '5' | '3.1.1';
  readonly filter: string;
  readonly inFlightMax: number;
  readonly logger: Logger;
}

export interface MqttSessionEvents {
  readonly onMessage: (message: MqttMessage) => void;
  /** Resolves once another message may be handed over; undefined where it may be now. */
  readonly whenRoom: () => Promise<void> | undefined;
  readonly onConnected: (isConnected: boolean) => void;
  /** Called on a connection for which the broker had no session: messages may have been missed. */
  readonly onSessionLost?: () => void;
}

export interface MqttSession {
  /** Sends a message at QoS 0; nothing happens while there is no connection. */
  publish(topic: string, payload: Uint8Array): void;
  /** Disconnects; the broker keeps the session. Idempotent. */
  close(): Promise<void>;
}

const keepaliveS = 30;
const connectTimeoutMs = 10_000;
const reconnectWaits = { firstMs: 500, maxMs: 30_000 };
/** The broker keeps the session, and the messages in it, this long after a disconnect. */
const sessionExpiryS = 7 * 24 * 3_600;
/** Granted to a subscription that the broker refuses. */
export const refusedQos = 128;

/** Opens the session; connects, and reconnects with growing waits, until it is closed. */
export function openMqttSession(
  options: MqttSessionOptions,
  events: MqttSessionEvents,
): MqttSession {
  const { filter, logger, url } = options;
  const client = connect(url, clientOptions(options));
  takeMessages(client, protocolVersions[options.version], events);
  let retry = 0;
  client.on('reconnect', () => {
    retry += 1;
    client.options.reconnectPeriod = backoffMs(retry, reconnectWaits);
    Object.assign(client.options, secureOptions(options));
  });
  client.on('connect', ({ sessionPresent }) => {
    retry = 0;
    client.options.reconnectPeriod = reconnectWaits.firstMs;
    events.onConnected(true);
    if (!sessionPresent) events.onSessionLost?.();
    logger.info({ url, filter, sessionPresent }, 'connected to the MQTT broker');
    subscribe(client, filter, logger);
  });
  client.on('close', () => events.onConnected(false));
  client.on('disconnect', ({ reasonCode }) =>
    logger.warn(
      { url, reasonCode },
      reasonCode === sessionTakenOver
        ? 'another client took over the MQTT session: give each process its own MQTT_CLIENT_ID'
        : 'the MQTT broker ended the connection',
    ),
  );
  client.on('error', (error) => logger.warn({ url, error: error.message }, 'MQTT broker'));
  let closed: Promise<void> | undefined;
  return {
    publish(topic, payload) {
      if (client.connected) client.publish(topic, Buffer.from(payload), { qos: 0 });
    },
    close: () => (closed ??= client.endAsync()),
  };
}

const sessionTakenOver = 0x8e;
const protocolVersions = { '5': 5, '3.1.1': 4 } as const;

/** Options that MQTT.js hands to tls.connect. */
function secureOptions({ tls }: Pick<MqttSessionOptions, 'tls'>): {
  readonly secureContext?: SecureContext;
} {
  return tls === undefined ? {} : { secureContext: tls.secureContext };
}

/** Returns the options of MQTT.js. */
export function clientOptions(options: Omit<MqttSessionOptions, 'logger'>): IClientOptions {
  const { clientId, inFlightMax, password, username, version } = options;
  const properties = { receiveMaximum: inFlightMax, sessionExpiryInterval: sessionExpiryS };
  return {
    ...secureOptions(options),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(version === '5' ? { properties } : {}),
    clientId,
    protocolVersion: protocolVersions[version],
    clean: false,
    keepalive: keepaliveS,
    connectTimeout: connectTimeoutMs,
    reconnectPeriod: reconnectWaits.firstMs,
    reconnectOnConnackError: true,
    resubscribe: false,
  };
}

function takeMessages(
  client: MqttClient,
  protocolVersion: 4 | 5,
  { onMessage, whenRoom }: MqttSessionEvents,
): void {
  client.on('packetreceive', (packet: Packet) => {
    if (packet.cmd !== 'publish') return;
    const { topic, payload, retain, messageId, qos } = packet;
    // The library acknowledges what it takes for QoS 1 as soon as it has handled it.
    packet.qos = 0;
    const { stream } = client;
    let isOpen = qos > 0;
    onMessage({
      topic,
      payload: typeof payload === 'string' ? Buffer.from(payload) : payload,
      isRetained: retain,
      acknowledge() {
        if (isOpen && client.stream === stream && client.connected && messageId !== undefined) {
          stream.write(generate({ cmd: 'puback', messageId }, { protocolVersion }));
        }
        isOpen = false;
      },
    });
  });
  // The next packet is handled once this one is: beyond the bound, the connection is not read.
  client.handleMessage = (_packet, done) => {
    const room = whenRoom();
    if (room === undefined) done();
    else void room.then(() => done());
  };
}

function subscribe(client: MqttClient, filter: string, logger: Logger): void {
  // rh: 2, no retained messages.
  client.subscribe(filter, { qos: 1, rh: 2 }, (error, granted = []) => {
    const qos = granted[0]?.qos;
    if (error !== null || qos === refusedQos) {
      const reason = error?.message ?? 'not allowed';
      logger.error({ filter, reason }, 'the MQTT broker refuses the subscription of MQTT_TOPIC');
    } else if (qos === 0) {
      logger.warn({ filter }, 'the MQTT broker grants QoS 0 only: messages may be lost');
    }
  });
}
