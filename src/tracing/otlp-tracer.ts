// The tracer over OpenTelemetry's own packages: spans in batches by OTLP over HTTP. The packages
// read the further OTEL_ variables from the environment themselves: sampler, limits, headers,
// timeouts, resource attributes.
import { hostname } from 'node:os';
import {
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Link,
  type Span,
} from '@opentelemetry/api';
import { parseTraceParent, setGlobalErrorHandler } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';

import type { Logger } from '../logger.ts';
import { version } from '../version.ts';
import { linksMax, type TraceAttributes, type Tracer, type TraceSpan } from './tracer.ts';

export interface OtlpTracerOptions {
  /** Base URL of a collector: spans go to `/v1/traces` below it. */
  readonly endpoint: string;
  readonly serviceName: string;
  readonly logger: Logger;
}

const closeMsMax = 1_000;
const toldEveryMs = 60_000;

/**
 * Returns the tracer of this thread. Spans that cannot be sent are dropped, with a line a minute.
 */
export function createOtlpTracer({ endpoint, serviceName, logger }: OtlpTracerOptions): Tracer {
  tellFailures(logger, endpoint);
  const provider = new BasicTracerProvider({
    resource: defaultResource()
      .merge(detectResources({ detectors: [envDetector] }))
      .merge(
        resourceFromAttributes({
          'service.name': serviceName,
          'service.version': version(),
          'host.name': hostname(),
          'process.pid': process.pid,
        }),
      ),
    spanProcessors: [
      new BatchSpanProcessor(
        new OTLPTraceExporter({ url: `${endpoint.replace(/\/+$/, '')}/v1/traces` }),
      ),
    ],
  });
  const tracer = provider.getTracer('sensorium', version());
  let closed: Promise<void> | undefined;
  return {
    begin(name, traceparents, attributes) {
      const links = linksOf(traceparents);
      const options = { kind: SpanKind.INTERNAL, links, attributes };
      return spanOf(tracer.startSpan(name, options, ROOT_CONTEXT));
    },
    close: () => (closed ??= within(provider.shutdown(), closeMsMax)),
  };
}

/** A traceparent that is not one is no link: the record's producer wrote it. */
function linksOf(traceparents: readonly string[]): Link[] {
  return traceparents.slice(0, linksMax).flatMap((text) => {
    const context = parseTraceParent(text);
    return context === null ? [] : [{ context }];
  });
}

function spanOf(span: Span): TraceSpan {
  const { traceId, spanId, traceFlags } = span.spanContext();
  const flags = (traceFlags & TraceFlags.SAMPLED) === 0 ? '00' : '01';
  return {
    traceparent: `00-${traceId}-${spanId}-${flags}`,
    logFields: { traceId, spanId },
    end(attributes: TraceAttributes = {}) {
      span.setAttributes(attributes);
      span.end();
    },
    fail(error) {
      const message = error instanceof Error ? error.message : String(error);
      span.setStatus({ code: SpanStatusCode.ERROR, message });
      span.end();
    },
  };
}

/** The packages report failures of an export to one handler of the thread. */
function tellFailures(logger: Logger, endpoint: string): void {
  let toldMs = -Infinity;
  setGlobalErrorHandler((exception) => {
    if (performance.now() - toldMs < toldEveryMs) return;
    toldMs = performance.now();
    const error = exception instanceof Error ? exception.message : JSON.stringify(exception);
    logger.warn({ endpoint, error }, 'spans could not be sent, and are dropped');
  });
}

/** A collector that is away must not hold up the end of the program. */
async function within(work: Promise<void>, msMax: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, msMax)));
  await Promise.race([work.catch(() => undefined), late]);
  clearTimeout(timer);
}
