import { beforeEach, describe, expect, it, vi } from 'vitest';

import {
  steadyConsumerGroup,
  type ConsumerGroupClass,
} from '../../../src/log/kafka/consumer-group.ts';
import { createErrorFromCode, type Broker } from '../../../src/log/kafka/internals.ts';

type Group = InstanceType<ConsumerGroupClass>;
type Answer = Awaited<ReturnType<Group['fetch']>>[number];

// Codes of the Kafka protocol (org.apache.kafka.common.protocol.Errors).
const notLeader = 6;
const notCoordinator = 16;
const illegalGeneration = 22;
const rebalanceInProgress = 27;
const denied = 29;

const refusedConnection = (): Error =>
  Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });

/** kafkajs's consumer group as far as it is extended: each step is what the test makes of it. */
const steps = {
  join: vi.fn<() => Promise<void>>(),
  fetch: vi.fn<(nodeId: number) => Promise<readonly Answer[]>>(),
  heartbeat: vi.fn<() => Promise<void>>(),
  refreshMetadata: vi.fn<() => Promise<void>>(),
  findGroupCoordinator: vi.fn<() => Promise<Broker>>(),
  recovered: vi.fn<(error: Error) => Promise<void>>(),
};

class PlainGroup {
  readonly cluster = {
    refreshMetadata: steps.refreshMetadata,
    findGroupCoordinator: steps.findGroupCoordinator,
  };
  readonly groupId = 'g';
  memberId: string | null = 'me';
  generationId: number | null = 7;
  coordinator: Broker | null = null;
  readonly offsetManager: { coordinator: Broker } = { coordinator: brokerOf(1) };
  joinAndSync(): Promise<void> {
    return steps.join();
  }
  async fetch(nodeId: number): Promise<readonly Answer[]> {
    try {
      return await steps.fetch(nodeId);
    } catch (error) {
      await this.recoverFromFetch(error as Error);
      return [];
    }
  }
  recoverFromFetch(error: Error): Promise<void> {
    return steps.recovered(error);
  }
  heartbeat(): Promise<void> {
    return steps.heartbeat();
  }
}

let nowMs = 0;
vi.mock('../../../src/log/kafka/monotonic-date.ts', async (original) => ({
  ...(await original<object>()),
  clientNowMs: () => nowMs,
}));
const sleep = (delayMs: number): Promise<void> => {
  nowMs += delayMs;
  return Promise.resolve();
};
const Steady = steadyConsumerGroup(PlainGroup, sleep);
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function brokerOf(nodeId: number): Broker {
  return { nodeId } as Broker;
}

const answer = (partition: number, code?: number): Answer => ({
  topic: 't',
  partition,
  failure: code === undefined ? undefined : createErrorFromCode(code),
});

describe('a consumer group', () => {
  let group: Group;

  beforeEach(() => {
    nowMs = 0;
    for (const step of Object.values(steps)) step.mockReset();
    steps.join.mockResolvedValue();
    steps.heartbeat.mockResolvedValue();
    steps.refreshMetadata.mockResolvedValue();
    steps.findGroupCoordinator.mockResolvedValue(brokerOf(2));
    steps.recovered.mockImplementation((error) => Promise.reject(error));
    group = new Steady({ assigners: [] });
  });

  it('goes on where a broker refuses connections, and reads metadata again', async () => {
    steps.fetch.mockRejectedValue(refusedConnection());
    steps.refreshMetadata.mockRejectedValue(refusedConnection());

    expect(await group.fetch(1)).toEqual([]);

    expect(steps.refreshMetadata).toHaveBeenCalledTimes(1);
    expect(steps.recovered).not.toHaveBeenCalled();
  });

  it('ends where a broker does not let it in', async () => {
    steps.fetch.mockRejectedValue(createErrorFromCode(denied));

    await expect(group.fetch(1)).rejects.toMatchObject({ type: 'TOPIC_AUTHORIZATION_FAILED' });
  });

  it('waits for the new leader of one partition and delivers the others', async () => {
    steps.fetch.mockResolvedValue([answer(0), answer(1, notLeader), answer(2)]);

    expect(await group.fetch(1)).toEqual([answer(0), answer(2)]);

    expect(steps.refreshMetadata).toHaveBeenCalledTimes(1);
    expect(steps.join).not.toHaveBeenCalled();
  });

  it.each([1, -1, denied])(
    'delivers a failure of one partition that no leader cures: %i',
    async (code) => {
      steps.fetch.mockResolvedValue([answer(0), answer(1, code)]);

      expect(await group.fetch(1)).toEqual([answer(0), answer(1, code)]);
    },
  );

  it('delivers the failure of a partition that no broker leads for long', async () => {
    steps.fetch.mockResolvedValue([answer(1, notLeader)]);
    let delivered: readonly Answer[] = [];
    while (delivered.length === 0 && nowMs < 60_000) delivered = await group.fetch(1);

    expect(delivered[0]?.failure).toMatchObject({ type: 'NOT_LEADER_FOR_PARTITION' });
    expect(nowMs).toBeGreaterThanOrEqual(10_000);
  });

  it('forgets a move once the partition has answered', async () => {
    steps.fetch.mockResolvedValue([answer(1, notLeader)]);
    while (nowMs < 9_000) await group.fetch(1);
    steps.fetch.mockResolvedValue([answer(1)]);
    await group.fetch(1);
    steps.fetch.mockResolvedValue([answer(1, notLeader)]);
    nowMs += 9_000;

    expect(await group.fetch(1)).toEqual([]);
  });

  it('does not wait for a coordinator that is silent', async () => {
    steps.heartbeat.mockReturnValue(new Promise(() => undefined));

    await group.heartbeat({ interval: 1 });
    await group.heartbeat({ interval: 1 });

    expect(steps.heartbeat).toHaveBeenCalledTimes(1);
  });

  it.each([
    ['moved', createErrorFromCode(notCoordinator)],
    ['died', refusedConnection()],
  ])('follows a coordinator that %s without joining again', async (_, failure) => {
    steps.heartbeat.mockRejectedValueOnce(failure);

    await group.heartbeat({ interval: 1 });
    await settled();
    await group.heartbeat({ interval: 1 });

    expect(group.coordinator).toEqual(brokerOf(2));
    expect(group.offsetManager?.coordinator).toEqual(brokerOf(2));
    expect(steps.join).not.toHaveBeenCalled();
  });

  it.each([rebalanceInProgress, illegalGeneration])(
    'rejects the heartbeat after one that was refused with %i',
    async (code) => {
      steps.heartbeat.mockRejectedValueOnce(createErrorFromCode(code));

      await group.heartbeat({ interval: 1 });
      await settled();

      await expect(group.heartbeat({ interval: 1 })).rejects.toThrow();
      await group.heartbeat({ interval: 1 });
    },
  );

  it('ignores a refusal of a heartbeat from before a join', async () => {
    let refuse: (error: Error) => void = () => undefined;
    steps.heartbeat.mockReturnValueOnce(new Promise((_, reject) => (refuse = reject)));
    await group.heartbeat({ interval: 1 });
    group.generationId = 8;
    refuse(createErrorFromCode(illegalGeneration));
    await settled();

    await group.heartbeat({ interval: 1 });
  });

  it('ignores a refusal that came while it joined: else two members make each other join for ever', async () => {
    steps.heartbeat.mockRejectedValueOnce(createErrorFromCode(rebalanceInProgress));
    steps.join.mockImplementation(async () => {
      await group.heartbeat({ interval: 1 });
      await settled();
      group.generationId = 8;
    });

    await group.joinAndSync();

    await group.heartbeat({ interval: 1 });
  });

  it('joins again until the coordinator is found, and is in no generation meanwhile', async () => {
    const generations: unknown[] = [];
    steps.join.mockImplementation(() => {
      generations.push(group.generationId);
      return generations.length < 4 ? Promise.reject(refusedConnection()) : Promise.resolve();
    });

    await group.joinAndSync();

    expect(generations).toEqual([7, -1, -1, -1]);
  });

  it('gives up joining after a while, and at once where it is refused', async () => {
    steps.join.mockRejectedValue(refusedConnection());
    await expect(group.joinAndSync()).rejects.toThrow('ECONNREFUSED');
    expect(nowMs).toBeGreaterThan(15_000);

    steps.join.mockReset().mockRejectedValue(createErrorFromCode(30));
    await expect(group.joinAndSync()).rejects.toMatchObject({ type: 'GROUP_AUTHORIZATION_FAILED' });
    expect(steps.join).toHaveBeenCalledTimes(1);
  });
});
