// The taker of readings over HTTP, as `run` builds it.
import type { Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import { createRecordOfArrival, type RecordOfArrival } from '../ingest/arrived-record.ts';
import { PostedReadings } from '../ingest/posted-readings.ts';
import type { EventLog } from '../log/event-log.ts';
import type { SupervisorView } from '../supervisor/supervisor-view.ts';

interface IntakeParts {
  readonly config: Config;
  readonly clock: Pick<Clock, 'nowMs' | 'monotonicMs'>;
  readonly log: Pick<EventLog, 'append'>;
}

/** Returns what takes the readings of POST /readings. */
export function createPostedReadings(
  { clock, config, log }: IntakeParts,
  supervisor: Pick<SupervisorView, 'tree'>,
): PostedReadings {
  const { process: settings } = config;
  return new PostedReadings({
    log,
    clock,
    recordOf: recordOfArrival(config),
    behind: () => supervisor.tree().totals.lag,
    bounds: {
      bodyBytesMax: settings.postedBytesMax,
      perSecondMax: settings.postedPerSecondMax,
      behindMax: settings.postedBehindMax,
    },
  });
}

/** Returns how arrivals become records of the input topic. */
export function recordOfArrival({ process: { inputTopic }, semantics }: Config): RecordOfArrival {
  const { input, maxAheadMs } = semantics;
  return createRecordOfArrival({ topic: inputTopic, input, maxAheadMs });
}
