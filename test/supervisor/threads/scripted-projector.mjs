// A real projector thread with nothing to project: joins, reports one row, drains.
export async function runProjector({ port }) {
  let drained;
  const ended = new Promise((resolve) => (drained = resolve));
  port.on('message', ({ type, requestId }) => {
    if (type === 'metrics') port.postMessage({ type: 'metrics', requestId, metrics: [] });
    if (type !== 'drain') return;
    port.postMessage({ type: 'drained' });
    drained();
  });
  port.postMessage({ type: 'running' });
  port.postMessage({ type: 'status', partitions: [], lag: 4, connected: true, lastError: null });
  const row = { sensor_id: 's0', window_start: 0, window_end: 60_000, features: { count: 1 } };
  port.postMessage({ type: 'rows', rows: [row] });
  await ended;
  port.close();
}
