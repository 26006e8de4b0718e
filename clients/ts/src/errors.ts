// The one error of this client: it says which of four things went wrong and whether to try again.

/**
 * - `refused`: the server answered and will answer the same again (an unknown view, a bad request)
 * - `unavailable`: no answer, or an answer that says "later"; retried already
 * - `timeout`: no answer within `timeoutMs`; retried already
 * - `protocol`: an answer that is not a feature server's
 */
export type FeatureErrorKind = 'refused' | 'unavailable' | 'timeout' | 'protocol';

/** A failed request for online features. Aborts are not among them: they reject with the signal's reason. */
export class FeatureError extends Error {
  override readonly name = 'FeatureError';
  readonly kind: FeatureErrorKind;
  /** The HTTP status; undefined without an answer. */
  readonly status: number | undefined;
  /** How many times the request was sent. */
  readonly attempts: number;

  constructor(
    kind: FeatureErrorKind,
    message: string,
    details: { readonly status?: number; readonly attempts: number; readonly cause?: unknown },
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.kind = kind;
    this.status = details.status;
    this.attempts = details.attempts;
  }
}
