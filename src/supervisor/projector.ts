// The supervisor's view of the projector: its thread, its lag, the rows it projected last.
import type { ProjectorCommand, ProjectorEvent, ProjectorStatus } from '../projections/protocol.ts';
import type { RecentAnomaly } from '../projections/recent-anomalies.ts';
import type { RecentWindow } from '../projections/recent-windows.ts';
import { RecentRowsStore } from './recent-rows.ts';
import { SupervisedThread, type SupervisedThreadOptions } from './supervised-thread.ts';
import type { ProjectorView, RecentRows } from './supervisor-view.ts';
import type { MeteredThread } from './thread-metrics.ts';

const metricsTimeoutMs = 1_000;
const unknown: ProjectorStatus = { partitions: [], lag: 0, connected: false, lastError: null };

export type SupervisedProjectorOptions = Omit<SupervisedThreadOptions<ProjectorEvent>, 'onEvent'>;

export class SupervisedProjector implements MeteredThread {
  readonly name: string;
  readonly thread: SupervisedThread<ProjectorCommand, ProjectorEvent>;
  readonly #rows: RecentRowsStore = new RecentRowsStore({
    rowsPerSensorMax: 30,
    sensorsMax: 200,
  });
  #status: ProjectorStatus = unknown;

  constructor(options: SupervisedProjectorOptions) {
    this.name = options.name;
    this.thread = new SupervisedThread<ProjectorCommand, ProjectorEvent>({
      ...options,
      onEvent: (event) => this.#onEvent(event),
      onEnded: () => {
        // How far it was behind is still the best that is known.
        this.#status = { ...this.#status, connected: false };
        options.onEnded();
      },
    });
  }

  view(): ProjectorView {
    const { partitions, lag, connected, lastError } = this.#status;
    const storeError = lastError === null ? null : lastError.message;
    return { ...this.thread.view(), partitions, lag, connected, storeError };
  }

  recentRows(cursor: number): RecentRows {
    return this.#rows.since(cursor);
  }

  /**
   * Resolves with the sensor's last anomalies, newest first.
   * @throws the error that kept the projector from reading them.
   */
  async anomalies(sensorId: string, timeoutMs: number): Promise<readonly RecentAnomaly[]> {
    const answer = await this.thread.ask(
      'anomalies',
      (requestId) => ({ type: 'anomalies', requestId, sensorId }),
      timeoutMs,
    );
    return answer.anomalies;
  }

  /**
   * Resolves with the last windows of each sensor, oldest first, in the order of the ids.
   * @throws UnavailableError if the thread did not answer.
   */
  async windows(
    sensorIds: readonly string[],
    timeoutMs: number,
  ): Promise<readonly (readonly RecentWindow[])[]> {
    const answer = await this.thread.ask(
      'windows',
      (requestId) => ({ type: 'windows', requestId, sensorIds }),
      timeoutMs,
    );
    return answer.windows;
  }

  async ask(): Promise<readonly object[]> {
    const answer = await this.thread.ask(
      'metrics',
      (requestId) => ({ type: 'metrics', requestId }),
      metricsTimeoutMs,
    );
    return answer.metrics;
  }

  /** Always true: the projector resets the gauges of partitions it loses. */
  holds(): boolean {
    return true;
  }

  #onEvent(event: ProjectorEvent): void {
    switch (event.type) {
      case 'status':
        this.#status = event;
        return;
      case 'rows':
        for (const row of event.rows) this.#rows.add(row);
        return;
      case 'running':
      case 'metrics':
      case 'anomalies':
      case 'refused':
      case 'windows':
      case 'drained':
        return;
      default:
        return event satisfies never;
    }
  }
}
