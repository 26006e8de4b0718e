// Chooses whether there are traces. OpenTelemetry's packages take a tenth of a second to load, so
// they are imported only where traces are on.
import type { Logger } from '../logger.ts';
import type { Tracer } from './tracer.ts';

export interface TraceSettings {
  readonly otelSdkDisabled: boolean;
  readonly otelExporterOtlpEndpoint: string | undefined;
  readonly otelServiceName: string;
}

/** Resolves with the tracer of this thread; undefined where traces are off. */
export async function openTracer(
  settings: TraceSettings,
  logger: Logger,
): Promise<Tracer | undefined> {
  const { otelExporterOtlpEndpoint: endpoint, otelSdkDisabled: isDisabled } = settings;
  if (isDisabled || endpoint === undefined) return undefined;
  const { createOtlpTracer } = await import('./otlp-tracer.ts');
  return createOtlpTracer({ endpoint, serviceName: settings.otelServiceName, logger });
}
