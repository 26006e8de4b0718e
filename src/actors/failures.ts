// The sensors and records that a shard has set aside by itself lately. Beyond a number no single
// sensor can be at fault. They are counted in the shard's memory, so that neither a restart nor
// another owner resets the count.
import type { ShardMemory } from './shard-memory.ts';

/** The most sensors and records one shard sets aside by itself within `failuresPeriodMs`. */
export const failuresMax = 10;
export const failuresPeriodMs = 3_600_000;

/** Remembers a failure that was decided on at `decidedMs`; only the last ones matter. */
export function noteFailure(memory: ShardMemory, decidedMs: number): void {
  memory.failuresMs = [...memory.failuresMs, decidedMs].slice(-failuresMax);
}

/** Returns whether one more failure at `nowMs` would be more than sensors can explain. */
export function tooManyFailures(memory: ShardMemory, nowMs: number): boolean {
  const lately = memory.failuresMs.filter((failedMs) => failedMs > nowMs - failuresPeriodMs);
  return lately.length >= failuresMax;
}
