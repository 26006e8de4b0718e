// Sparkplug B against Debian's mosquitto, through the whole program: births that it missed, a
// restart, and a death.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';

import { systemClock } from '../../src/clock.ts';
import { openEmbeddedLog } from '../../src/log/embedded/embedded-log.ts';
import type { EventLog } from '../../src/log/event-log.ts';
import { createLogger } from '../../src/logger.ts';
import { eventually, startProgram, type Program } from '../integration/program.ts';
import { readTopic } from '../integration/topics.ts';
import { startEdgeNode } from './edge-node.ts';
import { createMosquitto, hasMosquitto } from './mosquitto.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const timeoutMs = 15_000;

interface Row {
  readonly kind?: string;
  readonly sensor_id?: string;
  readonly values?: { readonly Temperature?: number };
  readonly unresolved?: readonly { readonly value: number }[];
}

async function rowsOf(log: EventLog, topic: string): Promise<readonly Row[]> {
  const records = [...(await readTopic(log, topic)).values()].flat();
  return records.map(({ value }) => JSON.parse(value ?? '{}') as Row);
}

describe.skipIf(!hasMosquitto)('Sparkplug B of mosquitto', () => {
  it('is read by alias through missed births and a restart, and a death is an event', async () => {
    const mosquitto = await createMosquitto();
    await mosquitto.start();
    closers.push(() => mosquitto.kill());
    const dataDir = mkdtempSync(join(tmpdir(), 'sensorium-sparkplug-'));
    const started = async (): Promise<Program> => {
      const program = await startProgram({
        ...{ DATA_DIR: dataDir, MQTT_URL: mosquitto.url, WORKERS: '1' },
        ...{ MQTT_TOPIC: 'spBv1.0/plant/#', MQTT_PAYLOAD: 'sparkplug' },
        INPUT_SCHEMA: '{id: id, time: timestamp, values: values.*}',
      });
      closers.push(() => program.kill());
      await program.ready();
      return program;
    };
    const edge = await startEdgeNode(mosquitto.url);
    closers.push(() => edge.close());
    const first = await started();
    const logger = createLogger('fatal');
    const log = openEmbeddedLog({ dataDir, clock: systemClock, logger, access: 'read' });
    closers.push(() => log.close());
    const temperatures = async (): Promise<readonly (number | undefined)[]> =>
      (await rowsOf(log, 'raw_readings')).map(({ values }) => values?.Temperature);

    const missed = await edge.send();
    await eventually(async () => expect(edge.asked()).toBe(1), { timeoutMs });
    await expect.poll(temperatures, { timeout: timeoutMs }).toContain(missed);
    const known = await edge.send();
    await expect.poll(temperatures, { timeout: timeoutMs }).toContain(known);
    await first.kill();
    const whileDown = await edge.send();
    const second = await started();
    const after = await edge.send();

    await expect
      .poll(temperatures, { timeout: timeoutMs })
      .toEqual(expect.arrayContaining([whileDown, after]));
    expect(edge.asked()).toBe(1);
    const unresolved = (await rowsOf(log, 'raw_readings')).flatMap((row) => row.unresolved ?? []);
    expect(unresolved.map(({ value }) => value)).toEqual([missed]);
    await expect
      .poll(async () => rowsOf(log, 'raw_readings.dlq'), { timeout: timeoutMs })
      .toMatchObject([{ unresolved: [{ value: missed }] }]);

    await edge.die();
    const reborn = await startEdgeNode(mosquitto.url, 1);
    closers.push(() => reborn.close());
    const events = async (): Promise<readonly string[]> =>
      (await rowsOf(log, 'sensor_anomalies'))
        .filter(({ kind }) => kind !== undefined)
        .map(({ kind, sensor_id: id }) => `${id} ${kind}`)
        .sort();
    const devices = ['plant/press', 'plant/press/oil'];
    await expect
      .poll(events, { timeout: timeoutMs })
      .toEqual(devices.flatMap((id) => [`${id} offline`, `${id} online`]));
    expect(await second.stop()).toBe(0);
  });
});
