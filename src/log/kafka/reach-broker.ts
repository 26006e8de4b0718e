// Tests once whether any broker answers under these settings. The log retries for a minute, which
// suits a pipeline but leaves somebody who mistyped a setting in front of a silent terminal.
// Whether a login is accepted is not asked here: the next connection says so at once.
import type { KafkaConfig } from '../../config/kafka-config.ts';
import { ConfigError, UnavailableError } from '../../errors.ts';
import type { Logger } from '../../logger.ts';
import {
  apiVersionsRequest,
  handshakeAnswer,
  handshakeRequest,
  metadataRequest,
  probe,
  type Place,
  type ProbeFailure,
} from './broker-probe.ts';
import { tlsWanted } from './frame-socket.ts';
import { currentTls, kafkaTlsNames, type CurrentTls } from '../tls-files.ts';

/** Why a broker cannot be used. */
interface Refusal {
  readonly reason: string;
  /** Another attempt meets the same: a setting, or a certificate, must change. */
  readonly isFinal: boolean;
}

interface Asking {
  readonly config: KafkaConfig;
  readonly tls: CurrentTls | undefined;
}

// All that a refusal takes, two connections, is over within 5 s.
const answerMsMax = 3_000;
const secondAnswerMsMax = 1_500;
const unsupportedMechanism = 33;
const illegalSaslState = 34;

/**
 * Resolves once one of the brokers answers.
 * @throws ConfigError where a setting keeps it from answering; UnavailableError with the reason of
 * every broker
 */
export async function reachBroker(config: KafkaConfig, logger: Logger): Promise<void> {
  const tls = config.ssl === false ? undefined : currentTls(config.ssl, kafkaTlsNames, logger);
  const refused: string[] = [];
  let final: string | undefined;
  const reached = config.brokers.map(async (broker) => {
    const refusal = await refusalOf(broker, { config, tls });
    if (refusal === undefined) return;
    refused.push(`${broker}: ${refusal.reason}`);
    if (refusal.isFinal) final ??= `Kafka at ${broker}: ${refusal.reason}`;
    throw new Error(refusal.reason);
  });
  try {
    await Promise.any(reached);
  } catch {
    if (final !== undefined) throw new ConfigError(final);
    throw new UnavailableError(`no Kafka broker can be reached: ${refused.join('; ')}`);
  }
}

async function refusalOf(broker: string, asking: Asking): Promise<Refusal | undefined> {
  const { config, tls } = asking;
  const place = placeOf(broker);
  const mechanism = config.sasl?.mechanism.toUpperCase();
  const second = mechanism === undefined ? metadataRequest : handshakeRequest(mechanism);
  const { answers, failure } = await probe(place, [apiVersionsRequest, second], {
    ...{ tls, forMs: answerMsMax },
  });
  if (failure === undefined) {
    return mechanism === undefined || answers[1] === undefined
      ? undefined
      : mechanismRefusal(mechanism, answers[1]);
  }
  if (failure.code === 'silent') return { reason: failure.message, isFinal: false };
  if (tls !== undefined) return tlsRefusal(place, failure, asking);
  if (failure.code === tlsWanted) {
    return { reason: 'it answers in TLS; set KAFKA_SSL to true, or KAFKA_SSL_CA', isFinal: true };
  }
  return (await loginWanted(place, failure, asking)) ?? unnamed(failure);
}

const unnamed = ({ code, message }: ProbeFailure): Refusal => ({
  reason: /^E[A-Z]+$/.test(code) ? code : message,
  isFinal: false,
});

function mechanismRefusal(mechanism: string, answer: Buffer): Refusal | undefined {
  const { errorCode, mechanisms } = handshakeAnswer(answer);
  if (errorCode === unsupportedMechanism) {
    const offered = mechanisms.join(', ');
    const reason = `it offers no ${mechanism}; set KAFKA_SASL_MECHANISM to one of ${offered}`;
    return { reason, isFinal: true };
  }
  if (errorCode === illegalSaslState) {
    const reason = 'it takes no login; unset KAFKA_SASL_MECHANISM, or use its other port';
    return { reason, isFinal: true };
  }
  return undefined;
}

/** A listener with logins closes the connection at a request without one. */
async function loginWanted(
  place: Place,
  { code, wasConnected }: ProbeFailure,
  { config, tls }: Asking,
): Promise<Refusal | undefined> {
  if (code !== 'closed' || !wasConnected || config.sasl !== undefined) return undefined;
  const { answers } = await probe(place, [handshakeRequest('NONE')], {
    ...{ tls, forMs: secondAnswerMsMax },
  });
  const [answer] = answers;
  if (answer === undefined) return undefined;
  const offered = handshakeAnswer(answer).mechanisms.join(', ');
  if (offered === '') return undefined;
  const reason = `it wants a login; set KAFKA_SASL_MECHANISM to one of ${offered}`;
  return { reason, isFinal: true };
}

async function tlsRefusal(place: Place, failure: ProbeFailure, asking: Asking): Promise<Refusal> {
  const { code, message, wasConnected } = failure;
  const named = serverRefusals[code];
  if (named !== undefined) return { reason: `${named} (${message})`, isFinal: true };
  if (/^ERR_SSL_.*ALERT/.test(code)) {
    return { reason: clientRefusal(code, asking), isFinal: true };
  }
  const login = await loginWanted(place, failure, asking);
  if (login !== undefined) return login;
  if (!wasConnected && failure.code !== 'ECONNREFUSED') {
    const plain = await probe(place, [apiVersionsRequest], {
      ...{ tls: undefined, forMs: secondAnswerMsMax },
    });
    if (plain.answers.length > 0) {
      const reason = 'it does not speak TLS; unset KAFKA_SSL and KAFKA_SSL_*, or use its TLS port';
      return { reason, isFinal: true };
    }
  }
  return unnamed(failure);
}

const foreignAuthority =
  'its certificate is signed by an authority that KAFKA_SSL_CA does not hold';

/** By the code with which TLS refuses the certificate of a server. */
const serverRefusals: Readonly<Record<string, string>> = {
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: foreignAuthority,
  UNABLE_TO_GET_ISSUER_CERT: foreignAuthority,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: foreignAuthority,
  SELF_SIGNED_CERT_IN_CHAIN: foreignAuthority,
  DEPTH_ZERO_SELF_SIGNED_CERT: foreignAuthority,
  CERT_SIGNATURE_FAILURE: foreignAuthority,
  CERT_HAS_EXPIRED: 'its certificate has expired: it needs a new one',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet: is this machine’s clock right?',
  ERR_TLS_CERT_ALTNAME_INVALID:
    'its certificate is for another host: name it in KAFKA_BROKERS as the certificate does',
};

function clientRefusal(code: string, { tls }: Asking): string {
  const alert = code
    .replace(/^ERR_SSL_(\w+?_)?ALERT_/, '')
    .toLowerCase()
    .replaceAll('_', ' ');
  if (tls?.cert === undefined) {
    return `it wants a client certificate; set KAFKA_SSL_CERT and KAFKA_SSL_KEY (${alert})`;
  }
  const ask = 'is it signed by an authority that the brokers trust, and valid by their clocks?';
  return `it refuses the client certificate in KAFKA_SSL_CERT (${alert}): ${ask}`;
}

function placeOf(broker: string): Place {
  const colon = broker.lastIndexOf(':');
  const host = broker.slice(0, colon).replace(/^\[|\]$/g, '');
  return { host, port: Number(broker.slice(colon + 1)) };
}
