// One POST to an alarm target, and what its answer means. An answer about the body itself is final.
// One about the address or the credentials is not: an operator mends those, and alarms wait.
import { requestText, type WebAnswer } from '../web-request.ts';
import type { PostOutcome } from './alarm-target.ts';

export interface JsonPost {
  readonly url: URL;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly nowMs: number;
  readonly signal: AbortSignal;
}

const answerMsMax = 10_000;
const retryAfterMsMax = 300_000;
/** Wrong address, credentials or time; the same body may be taken later. */
const passing: readonly number[] = [401, 403, 404, 407, 408, 421, 423, 425, 429];

/** Resolves with the outcome, also where nobody answers. */
export async function postJson(post: JsonPost): Promise<PostOutcome> {
  const { body, headers = {}, nowMs, signal, url } = post;
  const length = Buffer.byteLength(body);
  try {
    const answer = await requestText(url, {
      headers: { 'content-type': 'application/json', 'content-length': length, ...headers },
      ...{ body, answerMsMax, signal },
    });
    return outcomeOf(answer, nowMs);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { type: 'failed', reason, retryAfterMs: 0 };
  }
}

function outcomeOf({ status, text, headers }: WebAnswer, nowMs: number): PostOutcome {
  if (status >= 200 && status < 300) return { type: 'delivered' };
  const reason = `it answered ${status}: ${text.slice(0, 200)}`;
  const isFinal = status >= 400 && status < 500 && !passing.includes(status);
  if (isFinal) return { type: 'refused', reason };
  return { type: 'failed', reason, retryAfterMs: retryAfterMs(headers['retry-after'], nowMs) };
}

/** Returns the wait that a Retry-After header asks for: seconds, or an HTTP date. */
export function retryAfterMs(header: string | undefined, nowMs: number): number {
  if (header === undefined) return 0;
  const askedMs = /^\d{1,9}$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - nowMs;
  return Number.isNaN(askedMs) ? 0 : Math.min(Math.max(askedMs, 0), retryAfterMsMax);
}
