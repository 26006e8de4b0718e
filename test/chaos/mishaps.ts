// The mishaps of a chaos run, and what must come of each at once; what must have been written is judged at the end.
import { semanticsEnv } from '../integration/pipeline.ts';
import type { Bench } from './bench.ts';
import { forgetOffsets, growInput } from './beside.ts';
import { speakFrom2000 } from './old-clock.ts';
import type { Mishap } from './schedule.ts';
import { trimPartition } from './trim.ts';

/** Returns whether the mishap came about; what went wrong then is among the problems. */
export async function befall(bench: Bench, mishap: Mishap): Promise<boolean> {
  try {
    return await carryOut(bench, mishap);
  } catch (error) {
    const problem = `${mishap.kind}: ${error instanceof Error ? error.message : String(error)}`;
    bench.note(problem);
    bench.problems.push(problem);
    return true;
  }
}

async function carryOut(bench: Bench, mishap: Mishap): Promise<boolean> {
  switch (mishap.kind) {
    case 'stepClock':
      await bench.fleet.stepClock(mishap.member, mishap.byMs);
      return true;
    case 'stranger':
      return meetStranger(bench);
    case 'trim':
      return trimPartition(bench, mishap);
    case 'oldClock':
      await speakFrom2000(bench);
      return true;
    case 'grow':
      await growInput(bench);
      return true;
    case 'forgetOffsets':
      await forgetOffsets(bench);
      return true;
    default:
      return mishap satisfies never;
  }
}

/** It must see by reading alone that its settings are not the group's: no member may notice it. */
async function meetStranger({ fleet, problems }: Bench): Promise<boolean> {
  const windowMs = String(2 * Number(semanticsEnv.WINDOW_MS));
  const { code, output } = await fleet.startRefused({ WINDOW_MS: windowMs });
  const told = output.includes('settings that change results differ');
  if (code !== 1 || !told) {
    problems.push(`the process with another WINDOW_MS ended with ${String(code)}: ${output}`);
  }
  if (output.includes('joined the group')) {
    problems.push('the process with another WINDOW_MS joined the group before it was refused');
  }
  return true;
}
