// The span of one batch that the projection writes: never one a row.
import { sampledTraceparents } from '../codecs/traceparent.ts';
import type { FetchedBatch, GroupListener } from '../log/event-log.ts';
import { linksMax, type Tracer, type TraceSpan } from '../tracing/tracer.ts';

export interface Traced {
  /** Left out where traces are off. */
  readonly tracer?: Tracer | undefined;
}

/**
 * Returns `listener` with a span for each batch, linked to the traces that the headers of its rows
 * name; `listener` itself where traces are off.
 */
export function tracedListener(listener: GroupListener, tracer: Tracer | undefined): GroupListener {
  if (tracer === undefined) return listener;
  return {
    positionOf: (partition) => listener.positionOf(partition),
    onGeneration: () => listener.onGeneration?.(),
    onAssigned: (added) => listener.onAssigned(added),
    onRevoked: (removed) => listener.onRevoked(removed),
    onPartitionFailed: (partition, error) => listener.onPartitionFailed(partition, error),
    onFailed: (error) => listener.onFailed(error),
    async onBatch(batch) {
      const span = beginSpan(tracer, batch, listener.positionOf(batch) ?? batch.fetchOffset);
      await listener.onBatch(batch);
      if (listener.positionOf(batch) === batch.nextOffset) span.end();
      else span.fail('not all of the batch is in the store: it is projected again');
    },
  };
}

function beginSpan(tracer: Tracer, batch: FetchedBatch, position: number): TraceSpan {
  const links = new Set<string>();
  for (const { traceparent } of sampledTraceparents(batch, position)) {
    links.add(traceparent);
    if (links.size === linksMax) break;
  }
  const { topic, partition, nextOffset } = batch;
  return tracer.begin('project', [...links], {
    'messaging.destination.name': topic,
    'messaging.destination.partition.id': String(partition),
    'sensorium.position': nextOffset,
  });
}
