import { expect, it } from 'vitest';

import { createScheduler } from '../../property-tests/simulation/scheduler.ts';
import { Life, processClock } from '../../property-tests/simulation/simulated-life.ts';
import { UnavailableError } from '../../src/errors.ts';
import type { GroupMemberView } from '../../src/log/event-log.ts';
import { partitionForKey } from '../../src/records/partitioning.ts';
import type { InputDeclaration } from '../../src/sensors/input-declaration.ts';
import { createSensorOwners, type SensorOwners } from '../../src/supervisor/sensor-owners.ts';

const partitions = 4;
const ids = Array.from({ length: 200 }, (_, index) => `sensor_${index}`);
const urls = ['http://a', 'http://b', 'http://c'];
const scheduler = createScheduler(1, 0);
const clock = processClock(scheduler, new Life());

/** Member m holds input partitions p with p % 3 = m, and rekeyed partitions with (p + 1) % 3 = m. */
const members: readonly GroupMemberView[] = urls.map((info, member) => ({
  info,
  partitions: [0, 1, 2, 3].flatMap((partition) => [
    ...(partition % 3 === member ? [{ topic: 'in', partition }] : []),
    ...((partition + 1) % 3 === member ? [{ topic: 're', partition }] : []),
  ]),
}));

function ownersAt(
  advertisedUrl: string | undefined,
  groupMembers: () => Promise<readonly GroupMemberView[]> = () => Promise.resolve(members),
  input?: InputDeclaration,
): SensorOwners {
  const topic = { topic: 'in', partitions, replicationFactor: 1, config: {} };
  const log = { describeTopic: () => Promise.resolve(topic), groupMembers };
  const names = { groupId: 'g', inputTopic: 'in', rekeyedTopic: 're' };
  return createSensorOwners({ log, clock, ...names, advertisedUrl, input });
}

it('names the owner of the sensor’s partition in the input, then in the rekeyed topic, but never itself', async () => {
  for (const id of ids) {
    const partition = partitionForKey(Buffer.from(id), partitions);
    const both = [urls[partition % 3], urls[(partition + 1) % 3]];
    for (const url of [...urls, 'http://x']) {
      expect(await ownersAt(url).urlsOf(id)).toEqual(both.filter((each) => each !== url));
    }
  }
});

it('looks for a sensor of a declared shape where records of its device are', async () => {
  const input: InputDeclaration = {
    format: 'json',
    id: [['d']],
    time: 'record',
    timeUnit: 'ms',
    measurements: { kind: 'several', fields: [{ name: 'temp', field: ['temp'] }] },
    valueTypes: ['number'],
  };
  const resolve = (): Promise<readonly GroupMemberView[]> => Promise.resolve(members);

  for (const id of ids) {
    expect(await ownersAt('http://x', resolve, input).urlsOf(`${id}/temp`)).toEqual(
      await ownersAt('http://x').urlsOf(id),
    );
  }
});

it('redirects nobody without a URL of its own, without the owner’s URL, or without an owner', async () => {
  const silent = members.map((member) => ({ ...member, info: '' }));

  for (const id of ids) {
    expect(await ownersAt(undefined).urlsOf(id)).toEqual([]);
    expect(await ownersAt('http://x', () => Promise.resolve(silent)).urlsOf(id)).toEqual([]);
    expect(await ownersAt('http://x', () => Promise.resolve([])).urlsOf(id)).toEqual([]);
  }
});

it('names the owner of a shard, but never itself', async () => {
  for (const partition of [0, 1, 2, 3]) {
    const owner = urls[partition % 3];
    for (const url of [...urls, 'http://x']) {
      const expected = owner === url ? [] : [owner];
      expect(await ownersAt(url).urlsOfShard({ topic: 'in', partition })).toEqual(expected);
    }
  }
  expect(await ownersAt('http://x').urlsOfShard({ topic: 'in', partition: 9 })).toEqual([]);
});

it('asks the log once a second, and again after a failure', async () => {
  let asked = 0;
  const owners = ownersAt('http://x', () => {
    asked += 1;
    if (asked === 1) return Promise.reject(new UnavailableError('no coordinator'));
    return Promise.resolve(members);
  });

  expect(await owners.urlsOf('a')).toEqual([]);
  expect(await owners.urlsOf('a')).toHaveLength(2);
  for (const id of ids) await owners.urlsOf(id);
  expect(asked).toBe(2);
  scheduler.after(1_001, () => undefined);
  await scheduler.runUntil(scheduler.nowMs + 2_000);
  await Promise.all(ids.map((id) => owners.urlsOf(id)));
  expect(asked).toBe(3);
});
