// Spans as the pipeline sees them: a commit and a projection batch have one each, a reading never.
// Types only; the adapter beside this file is loaded where traces are on, and nowhere else.

export type TraceAttributes = Readonly<Record<string, string | number | boolean>>;

/** One span, begun and not ended yet. */
export interface TraceSpan {
  /** The header `traceparent` of what this span causes. Source: W3C Trace Context, 3.2. */
  readonly traceparent: string;
  /** Names the span in a log line. */
  readonly logFields: { readonly traceId: string; readonly spanId: string };
  /** Ends the span with what is known of it now. */
  end(attributes?: TraceAttributes): void;
  /** Ends the span as failed. */
  fail(error: unknown): void;
}

export interface Tracer {
  /** Begins a trace of its own, linked to those that the `traceparent` headers `links` name. */
  begin(name: string, links: readonly string[], attributes: TraceAttributes): TraceSpan;
  /** Sends what has ended, for a second at most. Idempotent. */
  close(): Promise<void>;
}

/** Most links of one span. */
export const linksMax = 32;
