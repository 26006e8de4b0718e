// The fields of a log line under the names of the Elastic Common Schema (ECS), so that a log store
// needs no parser. Dotted names throughout: Elasticsearch expands them, and a line that repeats an
// object as a child logger does would have its key twice. What ECS has no field for is a label.
import { hostname } from 'node:os';

import { version } from './version.ts';

const names: Readonly<Record<string, string>> = {
  error: 'error.message',
  code: 'error.code',
  stack: 'error.stack_trace',
  from: 'client.ip',
  url: 'url.original',
  traceId: 'trace.id',
  spanId: 'span.id',
};

/** The version of ECS that these names are of. */
const ecsVersion = '9.4.0';

/** Returns what every line of this process says, under ECS's names. */
export function ecsProcessFields(serviceName: string): Readonly<Record<string, string | number>> {
  return {
    'ecs.version': ecsVersion,
    'service.name': serviceName,
    'service.version': version(),
    'process.pid': process.pid,
    'host.name': hostname(),
  };
}

/**
 * Returns `fields` under ECS's names. Names with a dot are ECS's already. A label is a scalar: an
 * object becomes its JSON.
 */
export function ecsFields(fields: object): Record<string, unknown> {
  const named: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined || value === null) continue;
    const known = name.includes('.') ? name : names[name];
    named[known ?? `labels.${name}`] = typeof value === 'object' ? JSON.stringify(value) : value;
  }
  return named;
}
