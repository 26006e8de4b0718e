// Serves the committed rows of one sensor, from the day files and the topic beyond them. Any
// process answers for any sensor: files and topic are the same for all.
import type { FastifyInstance } from 'fastify';

import { isoMs } from '../../codecs/iso-time.ts';
import { UnavailableError } from '../../errors.ts';
import type { FeatureTopic } from '../../log/topics.ts';
import type { ServingMetrics } from '../../metrics/process-metrics.ts';
import type { SensorHistory, SensorHistoryRows } from '../../projections/sensor-history.ts';
import { isPossibleId } from '../possible-ids.ts';
import { noSuchSensor } from './sensors.ts';

const lastDefault = 100;
const lastMax = 10_000;

interface Asked {
  readonly from?: string;
  readonly to?: string;
  readonly last?: string;
  readonly view?: string;
}

/** Adds `GET /sensors/{id}/history?from=&to=&last=&view=`; the first of `views` is the default. */
export function addSensorHistoryRoute(
  app: FastifyInstance,
  {
    history,
    metrics,
    views,
  }: {
    readonly history: Pick<SensorHistory, 'rows'> | undefined;
    readonly views: readonly FeatureTopic[];
    readonly metrics: ServingMetrics;
  },
): void {
  app.get<{ Params: { id: string }; Querystring: Asked }>(
    '/sensors/:id/history',
    async (request, reply) => {
      const { id: sensorId } = request.params;
      if (!isPossibleId(sensorId)) return reply.code(404).send(noSuchSensor);
      const { from, to, last, view = views[0]?.view } = request.query;
      const refuse = (message: string): unknown =>
        reply.code(400).send({ error: 'bad_request', message });
      const topic = views.find((known) => known.view === view);
      if (topic === undefined) {
        return refuse(`view: expected one of ${views.map((known) => known.view).join(', ')}`);
      }
      const rowsMax = Number(last ?? lastDefault);
      if (!Number.isInteger(rowsMax) || rowsMax < 1 || rowsMax > lastMax) {
        return refuse(`last: expected an integer from 1 to ${lastMax}`);
      }
      const fromMs = from === undefined ? -Infinity : timeMs(from);
      const toMs = to === undefined ? Infinity : timeMs(to);
      if (Number.isNaN(fromMs) || Number.isNaN(toMs)) {
        return refuse('from, to: expected ms since 1970, or a time such as 2026-01-31T10:00:00Z');
      }
      const wanted = { sensorId, fromMs, toMs, rowsMax };
      const found = await counted(metrics, async () => {
        if (history === undefined) throw new UnavailableError('the log is not at hand');
        return history.rows(topic, wanted);
      });
      return reply.send({ sensor_id: sensorId, view: topic.view, ...found });
    },
  );
}

/** Counts the rows that `read` resolves with, and whether it could not answer. */
async function counted(
  metrics: ServingMetrics,
  read: () => Promise<SensorHistoryRows>,
): Promise<SensorHistoryRows> {
  try {
    const found = await read();
    metrics.historyRows.inc(found.rows.length);
    metrics.historyUnread.inc(found.unread);
    return found;
  } catch (error) {
    if (error instanceof UnavailableError) metrics.historyTurnedAway.inc();
    throw error;
  }
}

function timeMs(text: string): number {
  return /^-?\d{1,15}$/.test(text) ? Number(text) : isoMs(text);
}
