// Checks of the MQTT broker: it lets the program in, and grants the subscription.
import type { Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import { openLogger } from '../logger.ts';
import { fail, ok, warn, type Check } from './doctor-check.ts';
import { mqttSessionSettings, mqttTls } from './mqtt-readings.ts';

const slowMs = 1_000;

/**
 * Returns the checks of MQTT_URL; none without it.
 * @throws UnavailableError if the broker does not answer or refuses the connection.
 */
export async function mqttChecks(config: Config, clock: Clock): Promise<readonly Check[]> {
  const { mqttTopic: filter, mqttUrl: url } = config.process;
  if (url === undefined || filter === undefined) return [];
  const tls = mqttTls(config, openLogger(config.process));
  const settings = mqttSessionSettings(config);
  const clientId = `${settings.clientId}-doctor-${process.pid}`;
  const { trySession } = await import('../ingest/try-session.ts');
  const { milliseconds, qos } = await trySession({ ...settings, url, filter, tls, clientId }, () =>
    clock.monotonicMs(),
  );
  const place = `${new URL(url).host}, ${filter}`;
  const cure = 'grant the MQTT user the right to read MQTT_TOPIC';
  if (qos === undefined) return [fail('mqtt', `${place}: the subscription is refused`, cure)];
  const lossy = 'allow QoS 1 on the broker, or messages are lost while the program is down';
  if (qos === 0) return [warn('mqtt', `${place}: QoS 0 only`, lossy)];
  const took = `${Math.round(milliseconds)} ms`;
  if (milliseconds < slowMs) return [ok('mqtt', `${place}, subscribed in ${took}`)];
  const slow = 'look at the network between, and at the broker’s load';
  return [warn('mqtt', `${place}: subscribing took ${took}`, slow)];
}
