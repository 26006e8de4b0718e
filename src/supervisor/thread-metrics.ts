// Merges the metrics of all threads. The last known counters of a dead thread are kept, so totals
// never decrease; a thread that does not answer in time is shown with its last known values.
import type { Logger } from '../logger.ts';
import { createMetrics } from '../metrics/pipeline-metrics.ts';
import {
  type MetricData,
  mergedMetrics,
  mergedMetricsText,
  type ProcessMetrics,
} from '../metrics/process-metrics.ts';

export interface MeteredThread {
  readonly name: string;
  /** Resolves with the thread's `getMetricsAsJSON()`. @throws UnavailableError */
  ask(): Promise<readonly object[]>;
  /** Returns whether the thread holds this partition: gauges of other partitions are stale. */
  holds(topic: string, partition: string): boolean;
}

export class ThreadMetrics {
  readonly #threads: readonly MeteredThread[];
  readonly #process: ProcessMetrics;
  readonly #tree: ProcessMetrics['registry'];
  readonly #logger: Logger;
  readonly #last = new Map<string, readonly MetricData[]>();
  #retired: readonly object[] = [];
  #retiring: Promise<void>;
  #scrape: Promise<string> | undefined;

  constructor(
    threads: readonly MeteredThread[],
    own: { readonly process: ProcessMetrics; readonly tree: ProcessMetrics['registry'] },
    logger: Logger,
  ) {
    this.#threads = threads;
    this.#process = own.process;
    this.#tree = own.tree;
    this.#logger = logger;
    // Every counter exists at 0 before the first thread answers. Otherwise the counts of a thread's
    // first second would appear as a new series, not as an increase.
    this.#retiring = createMetrics()
      .registry.getMetricsAsJSON()
      .then((fresh) => {
        this.#retired = lasting(fresh as readonly object[] as readonly MetricData[]);
      });
  }

  /** Resolves with the Prometheus text; concurrent calls share one collection. */
  text(): Promise<string> {
    this.#scrape ??= this.#text().finally(() => (this.#scrape = undefined));
    return this.#scrape;
  }

  /** Collects from every thread, so that little is lost if one dies between two scrapes. */
  async refresh(): Promise<void> {
    const answers = await Promise.all(this.#threads.map((thread) => this.#ask(thread)));
    this.#process.threadsNotAnswering.set(answers.filter((answered) => !answered).length);
  }

  /** Keeps the counters and histograms of a thread that has ended; drops its gauges. */
  retire(name: string): void {
    const last = this.#last.get(name);
    this.#last.delete(name);
    if (last === undefined) return;
    this.#retiring = this.#retiring
      .then(async () => {
        this.#retired = await mergedMetrics([this.#retired, lasting(last)]);
      })
      .catch((error: unknown) => {
        this.#logger.warn({ thread: name, error: String(error) }, 'metrics of a thread were lost');
      });
  }

  async #text(): Promise<string> {
    await this.refresh();
    await this.#retiring;
    const own = await this.#process.registry.metrics();
    const tree = await this.#tree.metrics();
    const merged = await mergedMetricsText([this.#retired, ...this.#last.values()]);
    return `${own}\n${tree}\n${merged}`;
  }

  async #ask(thread: MeteredThread): Promise<boolean> {
    try {
      const metrics = (await thread.ask()) as readonly MetricData[];
      this.#last.set(
        thread.name,
        metrics.map((metric) => withoutStaleGauges(metric, thread)),
      );
      return true;
    } catch (error) {
      this.#logger.debug({ thread: thread.name, error: String(error) }, 'no metrics from a thread');
      return false;
    }
  }
}

function lasting(metrics: readonly MetricData[]): readonly MetricData[] {
  return metrics.filter(({ type }) => type === 'counter' || type === 'histogram');
}

function withoutStaleGauges(metric: MetricData, thread: MeteredThread): MetricData {
  if (metric.type !== 'gauge') return metric;
  const values = metric.values.filter(({ labels }) => {
    const { topic, partition } = labels;
    if (topic === undefined || partition === undefined) return true;
    return thread.holds(String(topic), String(partition));
  });
  return { ...metric, values };
}
