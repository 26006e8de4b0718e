// A real worker thread that speaks the worker's protocol and fails on command: the command's `fault` says how. Faults
// travel as sensor ids of the `sensor` request, so that nothing but the real protocol is needed.
import { setTimeout as delay } from 'node:timers/promises';

const shard = {
  topic: 'raw_readings',
  position: 5,
  highWatermark: 7,
  committedOffset: 5,
  watermarkMs: null,
  maxEventTimeMs: null,
  sensors: 1,
  sensorsForgotten: 0,
  openWindows: 0,
  readings: 3,
  featureRows: 0,
  anomalies: 0,
  deadLetters: 0,
  lastCommitMs: null,
  lastSnapshotMs: null,
  knownAtMs: 1,
  unansweredMs: 0,
};

const wrongConfig = {
  code: 'CONFIG',
  message: 'WINDOW_MS differs from the snapshot',
  details: { a: 1 },
};

const metric = (value) => ({
  name: 'sensorium_readings_total',
  help: 'Readings.',
  type: 'counter',
  aggregator: 'sum',
  values: [{ value, labels: {} }],
});

const gauge = (partition) => ({
  name: 'sensorium_snapshot_bytes',
  help: 'Bytes.',
  type: 'gauge',
  aggregator: 'sum',
  values: [
    { value: 11, labels: { topic: 'raw_readings', partition: String(partition) } },
    { value: 99, labels: { topic: 'raw_readings', partition: '77' } },
  ],
});

function failHow(fault, fail) {
  switch (fault) {
    case 'throw':
      setImmediate(() => {
        throw new Error('a bug nobody caught');
      });
      return;
    case 'reject-config':
      fail(wrongConfig);
      return;
    case 'reject-unavailable':
      fail({ code: 'UNAVAILABLE', message: 'no broker', details: {} });
      return;
    case 'exit':
      process.exit(3);
      return;
    case 'hang':
      for (;;);
    case 'out-of-memory': {
      const hoard = [];
      for (;;) hoard.push(new Array(100_000).fill(hoard.length));
    }
  }
}

export async function runWorker({ workerIndex, port, config }) {
  let commandsMute = false;
  let finish;
  const ended = new Promise((resolve, reject) => (finish = { resolve, reject }));
  port.on('message', async (command) => {
    if (commandsMute) return;
    const { type, requestId, sensorId } = command;
    if (type === 'drain') {
      if (config.drain === 'never') return;
      if (config.drain === 'slow') await delay(50);
      port.postMessage({ type: 'drained' });
      finish.resolve();
    }
    if (type === 'metrics') {
      const metrics = [metric(10), gauge(workerIndex)];
      port.postMessage({ type: 'metrics', requestId, metrics });
    }
    if (type === 'sensors') {
      const sensors = [`s${workerIndex}`, `t${workerIndex}`].map((id) => ({ sensor_id: id }));
      port.postMessage({ type: 'sensors', requestId, page: { sensors, matching: 2 } });
    }
    if (type === 'sensor') {
      if (sensorId === 'mute') commandsMute = true;
      else if (sensorId.startsWith('fault:')) failHow(sensorId.slice(6), finish.reject);
      else {
        const mine = sensorId === `s${workerIndex}`;
        const sensor = mine ? { sensor_id: sensorId, lifecycle: 'steady' } : undefined;
        port.postMessage({ type: 'sensor', requestId, sensor });
      }
    }
  });
  const mine = { ...shard, partition: workerIndex };
  if (config.rejectsConfig) throw wrongConfig;
  port.postMessage({ type: 'running' });
  if (config.crashAtStart) throw { code: 'INVARIANT', message: 'broken at start', details: {} };
  for (const phase of ['restoring', 'replaying', 'running']) {
    port.postMessage({ type: 'shard', shard: { ...mine, phase } });
  }
  const shards = [{ ...mine, phase: 'running' }];
  port.postMessage({ type: 'status', unconfirmedMs: 0, shards });
  try {
    await ended;
  } finally {
    port.close();
  }
}
