// The settings of log lines and traces: a part of the table in settings.ts. Those named OTEL_ are
// OpenTelemetry's; its packages read the others of that name from the environment themselves.
import { oneOf, optional, required, text, truth, url } from './setting.ts';

export const telemetrySettings = {
  LOG_LEVEL: required(
    'info',
    oneOf(['fatal', 'error', 'warn', 'info', 'debug', 'trace']),
    'Minimum level of the JSON log lines on standard error.',
  ),
  LOG_FORMAT: required(
    'json',
    oneOf(['json', 'ecs']),
    'ecs: fields of the Elastic Common Schema, and nothing but JSON on standard error.',
  ),
  OTEL_SERVICE_NAME: required(
    'sensorium',
    text('a name'),
    'Name of this service in traces and in log lines of LOG_FORMAT=ecs.',
  ),
  OTEL_EXPORTER_OTLP_ENDPOINT: optional(
    url(['http:', 'https:'], 'http[s]://host[:port]'),
    'OTLP receiver of spans; setting it turns traces on. Further OTEL_ variables mean what OpenTelemetry says.',
    'none: no traces',
  ),
  OTEL_SDK_DISABLED: required<boolean>(
    false,
    truth(),
    'true turns traces off in spite of OTEL_EXPORTER_OTLP_ENDPOINT.',
  ),
};
