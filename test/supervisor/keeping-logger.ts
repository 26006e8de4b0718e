// A logger that keeps its lines for assertions.
import type { Logger } from '../../src/logger.ts';

export interface LoggedLine {
  readonly level: string;
  readonly fields: object;
  readonly message: string;
}

export function keepingLogger(lines: LoggedLine[] = []): Logger {
  const keep =
    (level: string) =>
    (fields: object, message: string): void => {
      lines.push({ level, fields, message });
    };
  return {
    debug: keep('debug'),
    info: keep('info'),
    warn: keep('warn'),
    error: keep('error'),
    fatal: keep('fatal'),
    child: () => keepingLogger(lines),
  };
}
