// With LOG_FORMAT=ecs a log store reads standard error, so what is said to people there becomes log
// lines too: warnings, the reason of a failure, what Node itself would print.
import { settings } from '../config/settings.ts';
import { settingText } from '../config/config.ts';
import { openLogger } from '../logger.ts';
import type { CliContext } from './context.ts';

const warningPrefix = 'warning: ';

/** Returns `context`, its standard error a log where LOG_FORMAT asks for that. */
export function withLoggedErrors(context: CliContext): CliContext {
  const { env } = context;
  if (settingText(env, 'LOG_FORMAT')?.toLowerCase() !== 'ecs') return context;
  const otelServiceName = settingText(env, 'OTEL_SERVICE_NAME') ?? settings.OTEL_SERVICE_NAME.unset;
  // Messages for people have no level: LOG_LEVEL hides none of them.
  const logger = openLogger({ logLevel: 'warn', logFormat: 'ecs', otelServiceName });
  context.onTrouble((kind, { message, stack }) => {
    if (kind === 'warning') logger.warn({ stack }, message);
    else logger.fatal({ error: message, stack }, 'an error that nothing caught ends the process');
  });
  const write = (text: string): void => {
    const line = text.trim();
    if (line.startsWith(warningPrefix)) logger.warn({}, line.slice(warningPrefix.length));
    else if (line !== '') logger.error({}, line);
  };
  return { ...context, err: { ...context.err, isTerminal: false, write } };
}
