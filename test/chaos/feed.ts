// The input of a chaos run: live readings at a steady pace for as long as it lasts, a tenth of the sensors unkeyed. What
// an outage held back is appended after it; a reading appended twice because its answer was lost is two readings.
import { setTimeout as sleep } from 'node:timers/promises';

import type { EventLog } from '../../src/log/event-log.ts';
import type { OutputRecord } from '../../src/records/record.ts';
import { partitionForKey } from '../../src/records/partitioning.ts';
import { makeReadings, sensorName } from '../integration/readings.ts';

export interface FeedPlan {
  readonly topic: string;
  /** Those that are fed: the first so many of the topic, which may have more. */
  readonly partitions: number;
  readonly perSecond: number;
  readonly seed: number;
  /** Whether a tenth of the readings has no key; true. */
  readonly unkeyed?: boolean;
}

export interface Feed {
  /** Readings that the log has confirmed. */
  appended(): number;
  /** Resolves once all that was due is appended. */
  stop(): Promise<void>;
}

const keyedSensors = 480;
const unkeyedSensors = 48;
export const unkeyedPrefix = 'unkeyed_';
/** Every so many readings, one of a sensor whose records have no key. */
const unkeyedEvery = 10;
const chunkMs = 10_000;
const stepMs = 200;

/** The ids of all sensors of the feed. */
export const feedSensors: readonly string[] = [
  ...Array.from({ length: keyedSensors }, (_, number) => sensorName(number)),
  ...Array.from({ length: unkeyedSensors }, (_, number) => sensorName(number, unkeyedPrefix)),
];

/** Starts feeding; `log` is the feed's alone. */
export function startFeed(log: EventLog, plan: FeedPlan): Feed {
  const startedMs = Date.now();
  const records = endless(plan, startedMs);
  let appended = 0;
  let stopped = false;
  const run = async (): Promise<void> => {
    for (;;) {
      const due = Math.floor(((Date.now() - startedMs) / 1_000) * plan.perSecond) - appended;
      const next = Array.from({ length: due }, () => records.next().value);
      await appendSurely(log, next);
      appended += next.length;
      if (stopped) return;
      await sleep(stepMs);
    }
  };
  const running = run();
  return {
    appended: () => appended,
    stop: () => {
      stopped = true;
      return running;
    },
  };
}

function* endless(plan: FeedPlan, startedMs: number): Generator<OutputRecord, never> {
  const perChunk = (plan.perSecond * chunkMs) / 1_000;
  const unkeyedPerChunk = plan.unkeyed === false ? 0 : Math.floor(perChunk / unkeyedEvery);
  for (let chunk = 0; ; chunk += 1) {
    const common = {
      topic: plan.topic,
      partitions: plan.partitions,
      fromMs: startedMs + chunk * chunkMs,
      toMs: startedMs + (chunk + 1) * chunkMs,
      disorderMs: 1_900,
      late: 0.01,
      bad: 0.005,
      seed: Math.imul(plan.seed + chunk, 0x9e3779b1),
      firstIndex: chunk * perChunk,
    };
    const readings = perChunk - unkeyedPerChunk;
    const keyed = makeReadings({ ...common, readings, sensors: keyedSensors, unkeyed: 0 });
    const unkeyed = makeReadings({
      ...common,
      readings: unkeyedPerChunk,
      sensors: unkeyedSensors,
      unkeyed: 1,
      prefix: unkeyedPrefix,
      firstIndex: common.firstIndex + readings,
    });
    for (let at = 0; at < perChunk; at += 1) {
      const next = at % unkeyedEvery === unkeyedEvery - 1 ? unkeyed.shift() : keyed.shift();
      const record = next ?? keyed.shift() ?? unkeyed.shift();
      if (record !== undefined) yield placed(record, plan);
    }
  }
}

/** A keyed record has the same partition for ever, also where the topic has more than are fed. */
function placed(record: OutputRecord, { partitions }: FeedPlan): OutputRecord {
  if (record.partition !== undefined || record.key === null) return record;
  return { ...record, partition: partitionForKey(record.key, partitions) };
}

export async function appendSurely(log: EventLog, records: readonly OutputRecord[]): Promise<void> {
  for (;;) {
    try {
      await log.append(records);
      return;
    } catch {
      // The broker is away, on purpose.
      await sleep(stepMs);
    }
  }
}
