// Operator commands on a sensor: quarantine, release, reset the baseline, and those on its alarms.
// The response is sent
// after the commit, so an acknowledged command survives every restart.
import type { FastifyInstance } from 'fastify';

import type { SensorCommand } from '../../actors/protocol.ts';
import type { SensorOwners } from '../../supervisor/sensor-owners.ts';
import type { SupervisorView } from '../../supervisor/supervisor-view.ts';
import { parsedJson } from '../../codecs/bounded-json.ts';
import { sendElsewhere } from '../elsewhere.ts';
import { isPossibleId } from '../possible-ids.ts';
import { alarmCommandOf, alarmCommands, type AlarmCommandName } from './alarm-bodies.ts';
import { elsewhereOf, noSuchSensor } from './sensors.ts';

const messageCharactersMax = 200;

export const sensorCommands = ['quarantine', 'release', 'reset', ...alarmCommands] as const;

export interface SensorCommandParts {
  readonly supervisor: SupervisorView;
  readonly owners: SensorOwners;
  /** Whether alarms have a life; without, commands on them are refused. */
  readonly hasAlarms: boolean;
  readonly nowMs: () => number;
}

const noAlarms = {
  error: 'no_alarms',
  message: 'alarms have no life here: set ALARM_RESOLVE_AFTER',
} as const;

/** Adds `POST /sensors/{id}/{command}?reason=` for each of `sensorCommands`. */
export function addSensorCommandRoutes(app: FastifyInstance, parts: SensorCommandParts): void {
  const { supervisor, owners } = parts;
  for (const name of sensorCommands) {
    app.post<{ Params: { id: string }; Querystring: { reason?: string }; Body: unknown }>(
      `/sensors/:id/${name}`,
      async (request, reply) => {
        const { id: sensorId } = request.params;
        if (!isPossibleId(sensorId)) return reply.code(404).send(noSuchSensor);
        if (isOfAlarms(name) && !parts.hasAlarms) return reply.code(409).send(noAlarms);
        const asked = commandIn(name, request.body, request.query.reason, parts.nowMs());
        if (typeof asked === 'string') {
          return reply.code(422).send({ error: 'bad_request', message: asked });
        }
        const shards = await supervisor.command({ ...asked, sensorId });
        if (shards.length > 0) return reply.send({ sensor_id: sensorId, command: name, shards });
        return sendElsewhere(elsewhereOf(supervisor, owners, sensorId), request, reply);
      },
    );
  }
}

function isOfAlarms(name: (typeof sensorCommands)[number]): name is AlarmCommandName {
  return alarmCommands.some((known) => known === name);
}

/** Returns the command with the reason of the body or of the query, or what was expected. */
function commandIn(
  name: (typeof sensorCommands)[number],
  body: unknown,
  fromQuery: unknown,
  nowMs: number,
): WithoutId<SensorCommand> | string {
  const { reason = fromQuery ?? '', ...others } = fieldsOf(body) ?? { reason: undefined, body };
  const message = typeof reason === 'string' ? reason.slice(0, messageCharactersMax) : undefined;
  const expected = 'expected no body, or {"reason": "…"} with a text';
  if (message === undefined || 'body' in others) return expected;
  if (isOfAlarms(name)) {
    const command = alarmCommandOf(name, others, nowMs);
    return typeof command === 'string' ? command : { ...command, message };
  }
  return Object.keys(others).length > 0 ? expected : { name, message };
}

type WithoutId<T> = T extends unknown ? Omit<T, 'sensorId'> : never;

/** Undefined where the body is no JSON object; of no body, none. */
function fieldsOf(body: unknown): Readonly<Record<string, unknown>> | undefined {
  if (typeof body !== 'string' || body === '') return {};
  const value = parsedJson(body);
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject ? { ...value } : undefined;
}
