// One POST with a time limit and retries. A read may be repeated freely, so every failure that can
// pass is: connections that fail, time-outs, and the statuses by which a server or a balancer says
// "later".
import { FeatureError } from './errors.ts';
import { errorMessage } from './wire.ts';

export interface TransportOptions {
  /** Base address, for example `http://localhost:8080`. */
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Of one attempt. Default 2,000. */
  readonly timeoutMs?: number;
  /** Attempts after the first. Default 2. */
  readonly retries?: number;
  /** Stands in for the global `fetch`. */
  readonly fetch?: typeof fetch;
}

const laterStatuses: ReadonlySet<number> = new Set([408, 425, 429, 502, 503, 504]);
const firstDelayMs = 50;
const delayMsMax = 1_000;
/** A server that asks for more than this is better asked again by the caller. */
const retryAfterMsMax = 5_000;

/**
 * Resolves with the body of a 200 answer.
 * @throws FeatureError as its kind says; the signal's reason when `signal` aborts.
 */
export async function post(
  options: TransportOptions,
  path: string,
  body: string,
  signal?: AbortSignal,
): Promise<string> {
  const attemptsMax = 1 + (options.retries ?? 2);
  for (let attempt = 1; ; attempt += 1) {
    const outcome = await postOnce(options, path, body, attempt, signal);
    if (typeof outcome === 'string') return outcome;
    const { error, afterMs } = outcome;
    const isFinal = error.kind === 'refused' || error.kind === 'protocol';
    if (isFinal || attempt >= attemptsMax || afterMs > retryAfterMsMax) throw error;
    await sleep(Math.max(afterMs, backoffMs(attempt)), signal);
  }
}

interface Failure {
  readonly error: FeatureError;
  /** Asked for by the server; 0 where it asks for nothing. */
  readonly afterMs: number;
}

async function postOnce(
  options: TransportOptions,
  path: string,
  body: string,
  attempts: number,
  signal?: AbortSignal,
): Promise<string | Failure> {
  signal?.throwIfAborted();
  const { timeoutMs = 2_000, headers = {}, fetch: send = fetch } = options;
  const url = new URL(path, options.url.endsWith('/') ? options.url : `${options.url}/`);
  const controller = new AbortController();
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    controller.abort();
  }, timeoutMs);
  const forward = (): void => controller.abort(signal?.reason);
  signal?.addEventListener('abort', forward, { once: true });
  try {
    const response = await send(url, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json', accept: 'application/json', ...headers },
      signal: controller.signal,
    });
    const text = await response.text();
    return response.ok ? text : refusal(response, text, attempts);
  } catch (cause) {
    signal?.throwIfAborted();
    const error = isLate
      ? new FeatureError('timeout', `${url.href} did not answer within ${timeoutMs} ms`, {
          attempts,
          cause,
        })
      : new FeatureError('unavailable', `${url.href} cannot be reached: ${reasonOf(cause)}`, {
          attempts,
          cause,
        });
    return { error, afterMs: 0 };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', forward);
  }
}

function refusal(response: Response, text: string, attempts: number): Failure {
  const { status } = response;
  const kind = laterStatuses.has(status) ? 'unavailable' : 'refused';
  const message = `${response.url} answered ${status}: ${errorMessage(text)}`;
  return {
    error: new FeatureError(kind, message, { status, attempts }),
    afterMs: retryAfterMs(response.headers.get('retry-after')),
  };
}

/** `fetch` says only "fetch failed"; its cause says why. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}

function retryAfterMs(header: string | null): number {
  if (header === null) return 0;
  const seconds = Number(header);
  const afterMs = Number.isNaN(seconds) ? Date.parse(header) - Date.now() : seconds * 1_000;
  return Number.isFinite(afterMs) ? Math.max(0, afterMs) : 0;
}

/** Full jitter: clients that failed together do not come back together. */
function backoffMs(attempt: number): number {
  return Math.random() * Math.min(delayMsMax, firstDelayMs * 2 ** (attempt - 1));
}

function sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort);
      resolve();
    }, delayMs);
    signal?.addEventListener('abort', abort, { once: true });
  });
}
