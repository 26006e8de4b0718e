import { describe } from 'vitest';
import { eventLogContract } from '../../contracts/event-log.contract.ts';
import { kafkaBrokers, openTestLog } from './kafka-harness.ts';

describe.skipIf(kafkaBrokers.length === 0)('Kafka', () => {
  for (const fetchDecoder of ['fast', 'kafkajs'] as const) {
    eventLogContract(`Kafka, decoder ${fetchDecoder}`, () => {
      const log = openTestLog({ fetchDecoder });
      return Promise.resolve({
        log,
        openAnother: () => Promise.resolve(openTestLog({ fetchDecoder })),
        close: () => log.close(),
      });
    });
  }
});
