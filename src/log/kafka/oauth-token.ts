// The token that logs in to Kafka with OAUTHBEARER. One keeper per thread asks its source before
// the token expires, so that logins do not wait for an identity provider. A token is in no message
// and no log line.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

import { backoffMs } from '../../backoff.ts';
import type { TokenLogin, TokenSourceConfig } from '../../config/kafka-config.ts';
import { pemText } from '../../config/pem-text.ts';
import { ConfigError, isSensoriumError, UnavailableError } from '../../errors.ts';
import type { Logger } from '../../logger.ts';
import { requestText } from '../../web-request.ts';

export interface OauthToken {
  readonly value: string;
  /** Wall clock; undefined if neither the source nor the token says it. */
  readonly expiresAtMs: number | undefined;
}

export interface TokenKeeper {
  /**
   * Resolves with a token that has not expired.
   * @throws UnavailableError, ConfigError naming the setting and the refusal
   */
  token(): Promise<OauthToken>;
  /** Returns the subject of the newest token, which is the principal by Kafka's default. */
  subject(): string | undefined;
}

/** Asks the identity provider once. */
type AskForToken = () => Promise<OauthToken>;

const answerMsMax = 4_000;
const renewals = { firstMs: 1_000, maxMs: 30_000 };
/** The rest is for renewals that fail. */
const lifeUsed = 0.7;
/** A login with a token that expires meanwhile would be refused. */
const lifeLeftMs = 1_000;

const keepers = new WeakMap<TokenLogin, TokenKeeper>();

/** Returns the keeper of this login, shared by all connections of the thread. */
export function tokenKeeper(login: TokenLogin, logger: Logger): TokenKeeper {
  const existing = keepers.get(login);
  if (existing !== undefined) return existing;
  const keeper = keepToken(askerOf(login.source), login.source.kind !== 'file', logger);
  keepers.set(login, keeper);
  return keeper;
}

/** Returns a keeper over `ask`; without `renews` the source is asked for each login. */
export function keepToken(ask: AskForToken, renews: boolean, logger: Logger): TokenKeeper {
  let newest: OauthToken | undefined;
  let asking: Promise<OauthToken> | undefined;
  const askOnce = (): Promise<OauthToken> => {
    asking ??= ask()
      .then((token) => {
        newest = token;
        if (renews) renewIn(lifetimeMs(token) * lifeUsed, 0);
        return token;
      })
      .finally(() => (asking = undefined));
    return asking;
  };
  const renewIn = (delayMs: number, failures: number): void => {
    if (!Number.isFinite(delayMs)) return;
    setTimeout(() => {
      askOnce().catch((error: unknown) => {
        const reason = error instanceof Error ? error.message : String(error);
        logger.warn({ reason }, 'the token for Kafka cannot be renewed');
        // Once it has expired, the next login asks.
        if (isUsable(newest)) renewIn(backoffMs(failures, renewals), failures + 1);
      });
    }, delayMs).unref();
  };
  return {
    token: async () => (renews && newest !== undefined && isUsable(newest) ? newest : askOnce()),
    subject: () => {
      const subject = newest === undefined ? undefined : claimsOf(newest.value)['sub'];
      return typeof subject === 'string' ? subject : undefined;
    },
  };
}

function lifetimeMs({ expiresAtMs = Infinity }: OauthToken): number {
  return expiresAtMs - Date.now();
}

function isUsable(token: OauthToken | undefined): boolean {
  // A token without an end, of a source that may give another at any time, is for one login.
  return token?.expiresAtMs !== undefined && lifetimeMs(token) > lifeLeftMs;
}

function askerOf(source: TokenSourceConfig): AskForToken {
  switch (source.kind) {
    case 'endpoint':
      return () => askEndpoint(source);
    case 'file':
      return async () => readToken(source.path);
    case 'module':
      return () => askModule(source.path);
    default:
      return source satisfies never;
  }
}

type Endpoint = Extract<TokenSourceConfig, { readonly kind: 'endpoint' }>;

// RFC 6749, 4.4: client credentials, the client by HTTP Basic.
async function askEndpoint({
  url,
  clientId,
  clientSecret,
  scope,
  ca,
}: Endpoint): Promise<OauthToken> {
  const place = `the token endpoint of KAFKA_OAUTH_TOKEN_URL, ${url},`;
  const authority = ca === undefined ? undefined : pemText('KAFKA_OAUTH_CA', ca);
  // Each part is form-encoded first (RFC 6749, 2.3.1).
  const client = [clientId, clientSecret].map(formEncoded).join(':');
  const form = { grant_type: 'client_credentials', ...(scope === undefined ? {} : { scope }) };
  const request = {
    ca: authority,
    headers: {
      accept: 'application/json',
      authorization: `Basic ${Buffer.from(client).toString('base64')}`,
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: new URLSearchParams(form).toString(),
    answerMsMax,
  };
  let answer;
  try {
    answer = await requestText(new URL(url), request);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UnavailableError(`${place} does not answer: ${reason}`);
  }
  const body = fieldsOf(answer.text);
  if (answer.status !== 200) {
    const refusal = `${place} answered ${answer.status}${whyRefused(body, clientSecret)}`;
    const check = 'check KAFKA_OAUTH_CLIENT_ID, KAFKA_OAUTH_CLIENT_SECRET and KAFKA_OAUTH_SCOPE';
    const isFinal = [400, 401, 403, 404].includes(answer.status);
    throw isFinal ? new ConfigError(`${refusal}; ${check}`) : new UnavailableError(refusal);
  }
  const { access_token: value, expires_in: lifetimeS } = body;
  if (typeof value !== 'string') {
    throw new UnavailableError(`${place} answered without access_token`);
  }
  // Some providers write the number as text.
  const endMs = Date.now() + Number(lifetimeS) * 1_000;
  return { value, expiresAtMs: Number.isFinite(endMs) ? endMs : expiryOf(value) };
}

const formEncoded = (part: string): string => new URLSearchParams({ part }).toString().slice(5);

/** The words of the provider, cut, without our secret if it should repeat it. */
function whyRefused(body: Readonly<Record<string, unknown>>, clientSecret: string): string {
  const words = [body['error'], body['error_description']].filter(
    (word) => typeof word === 'string',
  );
  const said = words.join(': ').replaceAll(clientSecret, '***').slice(0, 200);
  return said === '' ? '' : `: ${said}`;
}

function readToken(path: string): OauthToken {
  const place = `KAFKA_OAUTH_TOKEN_FILE is ${JSON.stringify(path)}, which`;
  let value: string;
  try {
    value = readFileSync(path, 'utf8').trim();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    throw new ConfigError(`${place} cannot be read: ${code}`);
  }
  if (value === '') throw new UnavailableError(`${place} is empty`);
  const token = { value, expiresAtMs: expiryOf(value) };
  if (lifetimeMs(token) > 0) return token;
  const since = new Date(Date.now() + lifetimeMs(token)).toISOString();
  throw new UnavailableError(`${place} holds a token that expired at ${since}`);
}

async function askModule(path: string): Promise<OauthToken> {
  const place = `KAFKA_OAUTH_MODULE is ${JSON.stringify(path)}, which`;
  const module = await imported(path, place);
  const provide: unknown = Reflect.get(module, 'token');
  if (typeof provide !== 'function') {
    throw new ConfigError(`${place} does not export the function \`token\``);
  }
  let given: unknown;
  try {
    given = await (provide as () => unknown)();
  } catch (error) {
    if (isSensoriumError(error)) throw error;
    // Its message is not shown: it may hold a credential.
    const name = error instanceof Error ? error.name : typeof error;
    throw new UnavailableError(`${place} gave no token: its function threw ${name}`);
  }
  const { value, expiresAtMs } = Object(given) as Readonly<Record<string, unknown>>;
  if (typeof value !== 'string' || value === '') {
    throw new ConfigError(`${place} must return { value, expiresAtMs }, with the token as value`);
  }
  return { value, expiresAtMs: typeof expiresAtMs === 'number' ? expiresAtMs : expiryOf(value) };
}

async function imported(path: string, place: string): Promise<object> {
  try {
    return (await import(pathToFileURL(resolve(path)).href)) as object;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError(`${place} cannot be loaded: ${reason}`);
  }
}

function expiryOf(token: string): number | undefined {
  const end = claimsOf(token)['exp'];
  return typeof end === 'number' ? end * 1_000 : undefined;
}

/** Returns the claims of a JWT; none of a token of another kind. Nothing is verified here. */
function claimsOf(token: string): Readonly<Record<string, unknown>> {
  return fieldsOf(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
}

function fieldsOf(text: string): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(text)) as Readonly<Record<string, unknown>>;
  } catch {
    return {};
  }
}
