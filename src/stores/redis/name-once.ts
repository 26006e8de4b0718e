// Sensors whose row Redis cannot hold or return, each named in the log once.
import { feastEntityKey, type FeastNames } from '../../codecs/feast.ts';
import type { Logger } from '../../logger.ts';

/** Further sensors are only counted. */
const namedSensorsMax = 1_000;

/** Logs why Redis does not serve a sensor, at the first call for that sensor. */
export type NameOnce = (sensorId: string, problem: string) => void;

/** Returns the function that logs each sensor once, up to a bound. */
export function namesOnce(logger: Logger, names: FeastNames): NameOnce {
  const named = new Set<string>();
  return (sensorId, problem) => {
    if (named.size >= namedSensorsMax || named.has(sensorId)) return;
    named.add(sensorId);
    logger.error(
      { sensor: sensorId, key: feastEntityKey(sensorId, names).toString('hex'), problem },
      'Redis does not serve this sensor',
    );
  };
}
