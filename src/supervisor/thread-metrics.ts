// The metrics of all threads as one text. A thread that died keeps its counts (its last known ones), so that totals
// never fall; a thread that does not answer in time is shown as it last was.
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
  /** The thread's `getMetricsAsJSON()`; @throws UnavailableError. */
  ask(): Promise<readonly object[]>;
  /** Whether the thread holds this partition now: a gauge of one it let go is stale. */
  holds(topic: string, partition: string): boolean;
}

export class ThreadMetrics {
  readonly #threads: readonly MeteredThread[];
  readonly #process: ProcessMetrics;
  readonly #logger: Logger;
  readonly #last = new Map<string, readonly MetricData[]>();
  #retired: readonly object[] = [];
  #retiring: Promise<void>;
  #scrape: Promise<string> | undefined;

  constructor(threads: readonly MeteredThread[], process: ProcessMetrics, logger: Logger) {
    this.#threads = threads;
    this.#process = process;
    this.#logger = logger;
    // Every counter is there at 0 before the first thread answers. A thread loads for a second; what
    // it counted by its first answer would otherwise look like a new series, not like an increase.
    this.#retiring = createMetrics()
      .registry.getMetricsAsJSON()
      .then((fresh) => {
        this.#retired = lasting(fresh as readonly object[] as readonly MetricData[]);
      });
  }

  /** Returns Prometheus text; calls that come while one is under way share it. */
  text(): Promise<string> {
    this.#scrape ??= this.#text().finally(() => (this.#scrape = undefined));
    return this.#scrape;
  }

  /** Asks every thread, so that little is lost when one dies between two scrapes. */
  async refresh(): Promise<void> {
    const answers = await Promise.all(this.#threads.map((thread) => this.#ask(thread)));
    this.#process.threadsNotAnswering.set(answers.filter((answered) => !answered).length);
  }

  /** The thread has ended: its counters and histograms live on, its gauges do not. */
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
    const merged = await mergedMetricsText([this.#retired, ...this.#last.values()]);
    return `${own}\n${merged}`;
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
