// Asks the other processes of the group the same question. Their URLs are those that they publish
// to the group. One that does not answer in time is named in the answer instead of holding it up.

export interface OtherAnswers {
  readonly answers: readonly { readonly url: string; readonly body: unknown }[];
  /** URLs of processes that did not answer, or refused. */
  readonly silent: readonly string[];
}

const answerMsMax = 1_000;
const answerBytesMax = 16 * 1024 * 1024;

/**
 * Resolves with the JSON of `path` at each URL. `token` is a read token, never one for commands:
 * any member of the group can publish a URL.
 */
export async function askOthers(
  urls: readonly string[],
  path: string,
  token: string | undefined,
): Promise<OtherAnswers> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const answers = await Promise.all(
    urls.map(async (url) => {
      try {
        const signal = AbortSignal.timeout(answerMsMax);
        const target = `${url.replace(/\/+$/, '')}${path}`;
        const response = await fetch(target, { headers, signal, redirect: 'error' });
        const body = response.ok ? await boundedJson(response) : undefined;
        return { url, body };
      } catch {
        // Refused, late, gone or no JSON: whichever, its sensors are missing, which is what counts.
        return { url, body: undefined };
      }
    }),
  );
  return {
    answers: answers.filter(({ body }) => body !== undefined),
    silent: answers.filter(({ body }) => body === undefined).map(({ url }) => url),
  };
}

async function boundedJson(response: Response): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const body: AsyncIterable<Uint8Array> | null = response.body;
  if (body === null) return undefined;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > answerBytesMax) return undefined;
    chunks.push(chunk);
  }
  return JSON.parse(Buffer.concat(chunks).toString()) as unknown;
}
