import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, test } from 'vitest';
import { ConfigError, FencedError, InvariantError, UnavailableError } from '../../../src/errors.ts';
import { createClient } from '../../../src/log/kafka/client.ts';
import { failureKind, translated } from '../../../src/log/kafka/failures.ts';
import { createErrorFromCode } from '../../../src/log/kafka/internals.ts';
import { kafkaOptions } from './kafka-harness.ts';

const require = createRequire(import.meta.url);
const kafkajsErrors = require('kafkajs/src/errors') as Record<
  'KafkaJSConnectionError' | 'KafkaJSNumberOfRetriesExceeded' | 'KafkaJSRequestTimeoutError',
  new (message: string | Error, details: object) => Error
>;

// Codes of the Kafka protocol (org.apache.kafka.common.protocol.Errors).
const answers = [
  [47, 'INVALID_PRODUCER_EPOCH', 'fenced', FencedError],
  [90, 'PRODUCER_FENCED', 'fenced', FencedError],
  [49, 'INVALID_PRODUCER_ID_MAPPING', 'fenced', FencedError],
  [6, 'NOT_LEADER_FOR_PARTITION', 'leader', UnavailableError],
  [16, 'NOT_COORDINATOR_FOR_GROUP', 'coordinator', UnavailableError],
  [51, 'CONCURRENT_TRANSACTIONS', 'busy', UnavailableError],
  [7, 'REQUEST_TIMED_OUT', 'indefinite', UnavailableError],
  [20, 'NOT_ENOUGH_REPLICAS_AFTER_APPEND', 'indefinite', UnavailableError],
  [59, 'UNKNOWN_PRODUCER_ID', 'newProducer', UnavailableError],
  [45, 'OUT_OF_ORDER_SEQUENCE_NUMBER', 'newProducer', UnavailableError],
  [48, 'INVALID_TXN_STATE', 'newProducer', UnavailableError],
  [25, 'UNKNOWN_MEMBER_ID', 'membership', UnavailableError],
  [10, 'MESSAGE_TOO_LARGE', 'oversized', ConfigError],
  [29, 'TOPIC_AUTHORIZATION_FAILED', 'denied', ConfigError],
  [1234, 'a code of the future', 'indefinite', UnavailableError],
] as const;

test.each(answers)('a broker answering %i (%s) means %s', (code, _name, kind, errorClass) => {
  const error = createErrorFromCode(code);

  expect(failureKind(error)).toBe(kind);
  expect(translated('A commit', error, {})).toBeInstanceOf(errorClass);
});

test('a refused connection carried nothing, a broken one or a silent one may have', () => {
  const { KafkaJSConnectionError, KafkaJSRequestTimeoutError } = kafkajsErrors;

  expect(failureKind(new KafkaJSConnectionError('Not connected', {}))).toBe('unsent');
  expect(failureKind(new KafkaJSConnectionError('no', { code: 'ECONNREFUSED' }))).toBe('unsent');
  expect(failureKind(new KafkaJSConnectionError('no', { code: 'ECONNRESET' }))).toBe('indefinite');
  expect(failureKind(new KafkaJSRequestTimeoutError('late', {}))).toBe('indefinite');
});

test('what kafkajs wrapped is judged by what is inside', () => {
  const { KafkaJSNumberOfRetriesExceeded } = kafkajsErrors;

  const wrapped = new KafkaJSNumberOfRetriesExceeded(createErrorFromCode(90), {});

  expect(failureKind(wrapped)).toBe('fenced');
});

test('a mistake in code is no failure of a peer', () => {
  expect(translated('Reading', new TypeError('x of undefined'), {})).toBeInstanceOf(InvariantError);
});

test('a translated error says what was tried, why it failed and where', () => {
  const error = translated('A commit of raw_readings/3', createErrorFromCode(90), { partition: 3 });

  expect(error.message).toMatch(/^A commit of raw_readings\/3 failed: .*\(PRODUCER_FENCED\)$/);
  expect(error.details).toMatchObject({ partition: 3, type: 'PRODUCER_FENCED' });
});

test('TLS settings are PEM text or files that exist', () => {
  const pem = readFileSync(new URL('localhost-tls.pem', import.meta.url), 'utf8');

  expect(() => createClient(kafkaOptions({ ssl: { ca: pem } }))).not.toThrow();
  expect(() => createClient(kafkaOptions({ ssl: { ca: '/no/such/ca.pem' } }))).toThrow(ConfigError);
});
