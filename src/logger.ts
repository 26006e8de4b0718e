// The program's log: JSON lines on standard error through pino, one per life-cycle event, none per
// reading.
import { pino, type Logger as PinoLogger, type LoggerOptions } from 'pino';

import { ecsFields, ecsProcessFields } from './ecs-fields.ts';
import { visibleLines } from './visible.ts';

export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  fatal(fields: object, message: string): void;
  child(fields: object): Logger;
}

export interface LogSettings {
  readonly logLevel: string;
  /** `ecs`: fields are named as in the Elastic Common Schema. */
  readonly logFormat: 'json' | 'ecs';
  /** `service.name` of ECS. */
  readonly otelServiceName: string;
}

/** Returns a logger that synchronously writes lines of at least `level` to standard error. */
export function createLogger(level: string): Logger {
  return withOptions({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime });
}

/** Returns the logger of a program with these settings. */
export function openLogger({ logLevel, logFormat, otelServiceName }: LogSettings): Logger {
  if (logFormat === 'json') return createLogger(logLevel);
  const logger = withOptions({
    level: logLevel,
    base: ecsProcessFields(otelServiceName),
    messageKey: 'message',
    timestamp: () => `,"@timestamp":"${new Date().toISOString()}"`,
    formatters: { level: (label) => ({ 'log.level': label }), log: ecsFields },
  });
  return ecsChildren(logger);
}

/** pino gives a child no formatter of its own fields. */
function ecsChildren(logger: PinoLogger): Logger {
  const child = (fields: object): Logger => ecsChildren(logger.child(ecsFields(fields)));
  return Object.assign(Object.create(logger) as PinoLogger, { child });
}

function withOptions(options: LoggerOptions): PinoLogger {
  return pino(
    {
      ...options,
      // JSON leaves C1 controls and bidirectional marks as they are, and people read logs.
      hooks: { streamWrite: visibleLines },
    },
    pino.destination({ dest: 2, sync: true }),
  );
}
