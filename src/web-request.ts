// One HTTP request whose answer is read as text, with a certificate authority of its own, which
// `fetch` does not take. Redirects are not followed.
import {
  request as requestHttp,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http';
import { request as requestHttps } from 'node:https';

export interface WebRequest {
  readonly headers: OutgoingHttpHeaders;
  /** PEM text. */
  readonly ca?: string | undefined;
  /** Sent with POST; without it the request is a GET. */
  readonly body?: string | undefined;
  readonly answerMsMax: number;
  /** Ends the request early. */
  readonly signal?: AbortSignal | undefined;
}

export interface WebAnswer {
  readonly status: number;
  readonly text: string;
  readonly headers: IncomingHttpHeaders;
}

const answerBytesMax = 8 * 1_048_576;

/** Resolves with the answer, whatever its status. Rejects if none comes or it is too large. */
export function requestText(
  url: URL,
  { headers, ca, body, answerMsMax, signal }: WebRequest,
): Promise<WebAnswer> {
  const timeout = AbortSignal.timeout(answerMsMax);
  const options = {
    headers,
    method: body === undefined ? 'GET' : 'POST',
    signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal]),
    ...(ca === undefined ? {} : { ca }),
  };
  return new Promise((resolve, reject) => {
    const send = url.protocol === 'https:' ? requestHttps : requestHttp;
    const request = send(url, options, (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > answerBytesMax) response.destroy(new Error('its answer is too large'));
        else chunks.push(chunk);
      });
      response.on('error', reject);
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          text: Buffer.concat(chunks).toString(),
          headers: response.headers,
        }),
      );
    });
    request.on('error', reject);
    request.end(body);
  });
}
