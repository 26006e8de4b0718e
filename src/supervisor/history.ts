// The supervisor's view of the history: its thread, and how far each view's day files are.
import type {
  HistoryCommand,
  HistoryEvent,
  HistoryStatus,
} from '../projections/history-protocol.ts';
import { SupervisedThread, type SupervisedThreadOptions } from './supervised-thread.ts';
import type { HistoryView } from './supervisor-view.ts';
import type { MeteredThread } from './thread-metrics.ts';

const metricsTimeoutMs = 1_000;
const unknown: HistoryStatus = { views: [] };

export type SupervisedHistoryOptions = Omit<SupervisedThreadOptions<HistoryEvent>, 'onEvent'>;

export class SupervisedHistory implements MeteredThread {
  readonly name: string;
  readonly thread: SupervisedThread<HistoryCommand, HistoryEvent>;
  #status: HistoryStatus = unknown;

  constructor(options: SupervisedHistoryOptions) {
    this.name = options.name;
    this.thread = new SupervisedThread<HistoryCommand, HistoryEvent>({
      ...options,
      onEvent: (event) => {
        if (event.type === 'status') this.#status = event;
      },
      onEnded: () => {
        this.#status = unknown;
        options.onEnded();
      },
    });
  }

  view(): HistoryView {
    return { ...this.thread.view(), views: this.#status.views };
  }

  async ask(): Promise<readonly object[]> {
    const answer = await this.thread.ask(
      'metrics',
      (requestId) => ({ type: 'metrics', requestId }),
      metricsTimeoutMs,
    );
    return answer.metrics;
  }

  /** Its gauges are by view. */
  holds(): boolean {
    return true;
  }
}
