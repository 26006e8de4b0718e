// Event loop lag and heap of one thread. Each worker thread has a loop and a heap of its own: those
// of the main thread say nothing of a fold that blocks.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import { Gauge, type Registry } from 'prom-client';

/** How often the loop's delay is taken; each takes the thread from its sleep. */
const resolutionMs = 50;

/** Adds the gauges of the calling thread, named `thread`, to its registry. */
export function addThreadGauges(registry: Registry, thread: string): void {
  const registers = [registry];
  const delay = monitorEventLoopDelay({ resolution: resolutionMs });
  delay.enable();
  new Gauge({
    name: 'sensorium_thread_event_loop_lag_seconds',
    help: 'Longest delay of the thread’s event loop since the last scrape.',
    labelNames: ['thread'],
    registers,
    collect() {
      // Each sample holds the time between two of them.
      const lagMs = delay.count === 0 ? 0 : delay.max / 1e6 - resolutionMs;
      this.set({ thread }, Math.max(0, lagMs) / 1_000);
      delay.reset();
    },
  });
  new Gauge({
    name: 'sensorium_thread_heap_bytes',
    help: 'JavaScript heap that the thread uses.',
    labelNames: ['thread'],
    registers,
    collect() {
      this.set({ thread }, getHeapStatistics().used_heap_size);
    },
  });
}
