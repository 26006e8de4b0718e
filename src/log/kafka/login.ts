// Logins to Kafka. kafkajs takes every failure of a login for a refusal; here a refusal names the
// settings to check, and a connection lost on the way stays what it is. OAUTHBEARER is ours, since
// kafkajs takes a refused token for a login.
import type { AuthenticationProviderArgs, Authenticator, SASLOptions } from 'kafkajs';

import type { PasswordLogin, SaslConfig, TokenLogin } from '../../config/kafka-config.ts';
import { ConfigError } from '../../errors.ts';
import type { Logger } from '../../logger.ts';
import { failureKind } from './failures.ts';
import { builtInLogins, createEncoder } from './internals.ts';
import { tokenKeeper, type OauthToken } from './oauth-token.ts';

type LoginOf = (args: AuthenticationProviderArgs) => Authenticator;

/** Returns the option of kafkajs. Its `username` names the principal in errors. */
export function loginOption(sasl: SaslConfig, logger: Logger): SASLOptions {
  // `as`: kafkajs's type knows either a built-in mechanism or a provider without a user.
  return (
    sasl.mechanism === 'oauthbearer' ? tokenLogin(sasl, logger) : passwordLogin(sasl)
  ) as SASLOptions;
}

function passwordLogin(login: PasswordLogin): object {
  const provider = builtInLogins[login.mechanism](login);
  const who = `user ${login.username}`;
  const check = 'KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD and KAFKA_SASL_MECHANISM';
  return { ...login, authenticationProvider: naming(provider, login.mechanism, { who, check }) };
}

function tokenLogin(login: TokenLogin, logger: Logger): object {
  const { mechanism, extensions } = login;
  const keeper = tokenKeeper(login, logger);
  const provider: LoginOf = ({ saslAuthenticate }) => ({
    authenticate: async () => {
      const token = await keeper.token();
      const refusal = await exchange(saslAuthenticate, initialResponse(token, extensions));
      // The broker says why, and fails the login at the next message (RFC 7628, 3.2.3).
      if (refusal.length > 0) await exchange(saslAuthenticate, '\u0001');
    },
  });
  const who = 'the token';
  const check = 'its issuer, audience and lifetime, and what the brokers expect';
  return {
    mechanism,
    authenticationProvider: naming(provider, mechanism, { who, check }),
    get username() {
      return keeper.subject();
    },
  };
}

/** RFC 7628, 3.1. */
function initialResponse(
  { value }: OauthToken,
  extensions: Readonly<Record<string, string>>,
): string {
  const pairs = { auth: `Bearer ${value}`, ...extensions };
  const lines = Object.entries(pairs).map(([name, text]) => `${name}=${text}\u0001`);
  return `n,,\u0001${lines.join('')}\u0001`;
}

type Send = AuthenticationProviderArgs['saslAuthenticate'];

async function exchange(send: Send, message: string): Promise<string> {
  const answer = await send<string>({
    request: {
      encode: () => {
        const bytes = Buffer.from(message);
        return createEncoder().writeInt32(bytes.length).writeBuffer(bytes).buffer;
      },
    },
    response: {
      // After its length.
      decode: (payload) => payload.subarray(4),
      parse: (bytes: Buffer) => bytes.toString(),
    },
  });
  return answer ?? '';
}

/** Returns `provider`, whose failures say what to check. */
function naming(
  provider: LoginOf,
  mechanism: SaslConfig['mechanism'],
  { who, check }: { readonly who: string; readonly check: string },
): LoginOf {
  return (args) => {
    let failure: unknown;
    const saslAuthenticate: Send = async (step) => {
      try {
        return await args.saslAuthenticate(step);
      } catch (error) {
        failure = error;
        throw error;
      }
    };
    const { authenticate } = provider({ ...args, saslAuthenticate });
    return {
      async authenticate() {
        try {
          await authenticate();
        } catch (error) {
          const cause = failure ?? error;
          if (failureKind(cause) !== 'denied') throw cause;
          const where = `Kafka at ${args.host}:${args.port}`;
          const said = cause instanceof Error ? cause.message : '';
          throw new ConfigError(
            `${where} refused the login of ${who} with ${mechanism.toUpperCase()}: ${said}. Check ${check}`,
          );
        }
      },
    };
  };
}
