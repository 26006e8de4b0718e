import { expect, it } from 'vitest';

import { decodeSparkplug, sparkplugValue } from '../../src/codecs/sparkplug-payload.ts';
import { sparkplugBytes } from '../ingest/sparkplug-payloads.ts';

const timestamp = 1_769_853_540_123;
// Written by encodePayload of sparkplug-payload 1.0.3, the library of Eclipse Tahu.
const known =
  '089baef79bc133120d0a01411001200150fbffffff0f12120a01421002200458809ce8afedffffffff01120b0a0143' +
  '200758ffffffff0f12110a0144189caef79bc1332009650000ac41120e0a0145200a699a9999999999b93f12070a01' +
  '46200b700112090a0147200c7a026f6e120c0a0148200d589baef79bc133120a0a0149201182010261621207' +
  '0a014a200338011807';

it('reads every type that Eclipse Tahu writes', () => {
  const { metrics, ...payload } = decodeSparkplug(Buffer.from(known, 'hex'));

  expect(payload).toEqual({ timestampMs: timestamp, seq: 7 });
  const values = metrics.map(({ datatype, found }) =>
    found === undefined || found.kind === 'other' ? found : sparkplugValue(found, datatype),
  );
  expect(values).toEqual([
    ...[-5, -5_000_000_000, 4_294_967_295, 21.5, 0.1, true, 'on'],
    ...['2026-01-31T09:59:00.123Z', { kind: 'other' }, undefined],
  ]);
  expect(metrics.map(({ alias }) => alias).slice(0, 3)).toEqual(['1', '2', undefined]);
  expect(metrics[3]?.timestampMs).toBe(timestamp + 1);
});

it('the payloads of the tests are written as Eclipse Tahu writes them', () => {
  const written = sparkplugBytes({
    ...{ timestamp, seq: 7 },
    metrics: [
      { name: 'A', alias: 1, type: 'Int8', value: -5 },
      { name: 'B', alias: 2, type: 'Int64', value: -5_000_000_000 },
      { name: 'C', type: 'UInt32', value: 4_294_967_295 },
      { name: 'D', type: 'Float', value: 21.5, timestamp: timestamp + 1 },
      { name: 'E', type: 'Double', value: 0.1 },
      { name: 'F', type: 'Boolean', value: true },
      { name: 'G', type: 'String', value: 'on' },
      { name: 'H', type: 'DateTime', value: timestamp },
      { name: 'I', type: 'Bytes', value: Buffer.from('ab') },
      { name: 'J', type: 'Int32', value: null },
    ],
  });

  expect(Buffer.from(written).toString('hex')).toBe(known);
});
