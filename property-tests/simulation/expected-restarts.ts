// The supervisor's expected reaction to the ends of its threads, computed apart from it: at most
// five restarts of a thread in any minute, save for ends whose cause may pass (those are retried
// for as long as it takes), and beyond that the process gives up with a line that names the thread,
// the failures and the last cause.
import type { AnySensoriumError } from '../../src/errors.ts';
import type { Scheduler } from './scheduler.ts';

/** Errors that end the threads of the simulation. */
export const uncaught = 'a bug that nobody caught';
export const byForce = 'ended by force';

const restartsMax = 5;
const periodMs = 60_000;

export interface ProcessRestarts {
  /** A thread ended; undefined = its task ran to its end. */
  ended(name: string, error: AnySensoriumError | undefined): void;
  gaveUp(error: AnySensoriumError): void;
  draining(): void;
}

export interface Restarts {
  ofProcess(): ProcessRestarts;
  /** The last lines of processes that gave up. */
  readonly lastLines: readonly string[];
  /** Ends of threads whose cause was neither a peer that was away nor the schedule: bugs. */
  readonly bugs: readonly string[];
}

/** Returns the watch over all processes of a history; what does not hold goes to `violations`. */
export function expectedRestarts(scheduler: Scheduler, violations: string[]): Restarts {
  const lastLines: string[] = [];
  const bugs: string[] = [];
  const ofProcess = (): ProcessRestarts => {
    const crashes = new Map<string, number[]>();
    let mustGiveUp: string | undefined;
    let stops = false;
    return {
      ended(name, error) {
        if (stops || error === undefined || error.directive === 'retry') return;
        if (!ofSchedule(error)) bugs.push(`${name}: ${error.stack ?? error.message}`);
        const recent = (crashes.get(name) ?? []).filter((ms) => ms > scheduler.nowMs - periodMs);
        crashes.set(name, [...recent, scheduler.nowMs]);
        if (recent.length < restartsMax) return;
        stops = true;
        const cause =
          error.message === byForce ? `${name} reported nothing for 31 beats` : error.message;
        mustGiveUp = `${name} failed ${recent.length + 1} times within 60 s, last: ${cause}`;
        scheduler.after(0, () => {
          if (mustGiveUp !== undefined) violations.push(`went on though ${mustGiveUp}`);
        });
      },
      gaveUp(error) {
        lastLines.push(error.message);
        if (error.message !== mustGiveUp) violations.push(`gave up: ${error.message}`);
        mustGiveUp = undefined;
      },
      draining: () => (stops = true),
    };
  };
  return { ofProcess, lastLines, bugs };
}

const ofSchedule = ({ message }: AnySensoriumError): boolean =>
  message === uncaught || message === byForce;
