// How a fetch response with errors is taken. kafkajs throws the first error of any partition: the
// whole response is lost for all partitions of the broker, and after some attempts the consumer
// crashes. Here an error that only one partition has is delivered with that partition, and the
// others go on; what a new leader cures is still thrown, and cured.
import { failureKind } from './failures.ts';
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

/**
 * Returns kafkajs's `parse` of fetch responses: it returns the response as it is, unless an error
 * in it says that the metadata is stale or the broker not ready, which it throws.
 */
export function parseFetchResponse(
  createErrorFromCode: (code: number) => Error,
): (response: FetchResponse) => Promise<FetchResponse> {
  return (response) => {
    for (const { partitions } of response.responses) {
      for (const { errorCode } of partitions) {
        if (errorCode === 0) continue;
        const error = createErrorFromCode(errorCode);
        if (!concernsOnePartition(error)) return Promise.reject(error);
      }
    }
    return Promise.resolve(response);
  };
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

function concernsOnePartition(error: Error): boolean {
  const kind = failureKind(error);
  return kind !== 'leader' && kind !== 'coordinator' && kind !== 'busy';
}
