// Builds the reader of a sensor's history: the files of HISTORY_DIR, and the topics beyond them.
import type { Config } from '../config/config.ts';
import type { EventLog } from '../log/event-log.ts';
import type { Logger } from '../logger.ts';
import { readableAfterMs } from '../projections/readable.ts';
import { SensorHistory } from '../projections/sensor-history.ts';
import { selectFeatures } from '../sensors/features.ts';
import { readSensorHistory } from '../stores/open-history.ts';

/** Returns the reader that the settings name. */
export function sensorHistoryOf(config: Config, log: EventLog, logger: Logger): SensorHistory {
  const { historyDir } = config.process;
  return new SensorHistory({
    ...{ log, features: selectFeatures(config.semantics.features) },
    availableAfterMs: readableAfterMs(config),
    ...(historyDir === undefined
      ? {}
      : { readFiles: (view, wanted) => readSensorHistory(historyDir, view, wanted) }),
    onBadRow: ({ topic, partition }, offset, error) =>
      logger.debug({ topic, partition, offset, reason: error.message }, 'no feature row'),
  });
}
