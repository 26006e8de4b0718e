// A Sparkplug edge node with one device, on MQTT.js: it is born, sends data by alias without names,
// answers the command to be born again, and leaves a will.
import { connectAsync } from 'mqtt';

import { decodeSparkplug } from '../../src/codecs/sparkplug-payload.ts';
import { sparkplugBytes, type TestMetric } from './sparkplug-payloads.ts';

export interface EdgeNode {
  /** Sends the next temperature of the device; resolves with it once it is sent. */
  send(): Promise<number>;
  /** How often it was asked for its births. */
  asked(): number;
  /** Drops the connection, so that the broker sends the will. */
  die(): Promise<void>;
  close(): Promise<void>;
}

const base = 'spBv1.0/plant';
const sequenceLength = 256;

/** Resolves with a node that is born. `bdSeq` numbers its connections. */
export async function startEdgeNode(url: string, bdSeq = 0): Promise<EdgeNode> {
  const seqMetric: TestMetric = { name: 'bdSeq', type: 'UInt64', value: bdSeq };
  const will = Buffer.from(sparkplugBytes({ metrics: [seqMetric] }));
  const client = await connectAsync(url, {
    ...{ clientId: 'edge-node', reconnectPeriod: 0 },
    will: { topic: `${base}/NDEATH/press`, payload: will, qos: 1 },
  });
  client.on('error', () => undefined);
  let [seq, value, asked] = [0, 0, 0];
  const publish = async (topic: string, metrics: TestMetric[]): Promise<void> => {
    const payload = sparkplugBytes({ timestamp: Date.now(), seq, metrics });
    seq = (seq + 1) % sequenceLength;
    await client.publishAsync(`${base}/${topic}`, Buffer.from(payload), { qos: 1 });
  };
  const beBorn = async (): Promise<void> => {
    seq = 0;
    const control: TestMetric = { name: 'Node Control/Rebirth', type: 'Boolean', value: false };
    await publish('NBIRTH/press', [seqMetric, control]);
    await publish('DBIRTH/press/oil', [
      { name: 'Temperature', alias: 7, type: 'Double', value },
      { name: 'Maker', type: 'String', value: 'Acme' },
    ]);
  };
  client.on('message', (_topic, payload) => {
    const [command] = decodeSparkplug(payload).metrics;
    if (command?.name !== 'Node Control/Rebirth') return;
    asked += 1;
    void beBorn();
  });
  await client.subscribeAsync(`${base}/NCMD/press`, { qos: 1 });
  await beBorn();
  return {
    async send() {
      value += 1;
      await publish('DDATA/press/oil', [{ alias: 7, type: 'Double', value }]);
      return value;
    },
    asked: () => asked,
    async die() {
      client.stream.destroy();
      await client.endAsync(true);
    },
    close: () => client.endAsync(true),
  };
}
