// How a fetch response with errors is taken. kafkajs throws the first error of any partition: the
// whole response is lost for all partitions of the broker, and after some attempts the consumer
// crashes. Here an error of one partition is delivered with that partition, and the others go on;
// consumer-group.ts waits for a new leader where one cures it.
import {
  withMissingRight,
  withTopic,
  type Connected,
  type RequestNames,
} from './named-refusals.ts';

interface AnsweredPartition {
  readonly partition: number;
  readonly errorCode: number;
  /** Why nothing of it was fetched. */
  failure?: Error;
}

interface FetchResponse {
  readonly responses: readonly {
    readonly topicName: string;
    readonly partitions: readonly AnsweredPartition[];
  }[];
}

/** kafkajs's `parse` of fetch responses: whatever failed of a partition is delivered with it. */
export function parseFetchResponse(response: FetchResponse): Promise<FetchResponse> {
  return Promise.resolve(response);
}

type Fetch = (this: Connected, request: RequestNames) => Promise<FetchResponse>;

/**
 * Gives each partition of an answer to `broker.fetch` that has an error its `failure`, which knows
 * the missing right.
 */
export function nameFetchFailures(
  broker: { readonly prototype: object },
  createErrorFromCode: (code: number) => Error,
): void {
  const fetch = Reflect.get(broker.prototype, 'fetch') as Fetch;
  const naming: Fetch = async function (request) {
    const response = await fetch.call(this, request);
    for (const { topicName, partitions } of response.responses) {
      for (const partition of partitions) {
        if (partition.errorCode === 0) continue;
        const error = withTopic(createErrorFromCode(partition.errorCode), topicName);
        partition.failure = withMissingRight(error, this, 'fetch', request);
      }
    }
    return response;
  };
  Reflect.set(broker.prototype, 'fetch', naming);
}
