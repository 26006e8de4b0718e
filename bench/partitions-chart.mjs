// docs/pictures/partitions.svg: what the number of partitions costs, of each result of
// bench/partitions.mjs.
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { draw } from './chart.mjs';

const results = fileURLToPath(new URL('results/', import.meta.url));
/** Results by the name they have in the chart. */
const drawn = { before: 'partitions-before.json', now: 'partitions.json' };

export async function drawPartitions() {
  const values = Object.entries(drawn)
    .filter(([, file]) => existsSync(`${results}${file}`))
    .flatMap(([build, file]) => pointsOf(JSON.parse(readFileSync(`${results}${file}`)), build));
  const panel = (figure, title) => ({
    title,
    width: 220,
    height: 200,
    transform: [{ filter: `isValid(datum['${figure}'])` }],
    mark: { type: 'line', point: true },
    encoding: {
      x: { field: 'partitions', type: 'quantitative', scale: { type: 'log' } },
      y: { field: figure, type: 'quantitative', scale: { type: 'log' }, title: null },
      color: { field: 'build', type: 'nominal', sort: Object.keys(drawn) },
    },
  });
  await draw('partitions', {
    background: 'white',
    data: { values },
    hconcat: [
      panel('readySeconds', 'seconds until ready'),
      panel('idleRequests', 'requests/s, idle'),
      panel('forwardedRequests', 'requests/s after one forward'),
      panel('idleCores', 'cores, idle'),
    ],
  });
}

function pointsOf({ points }, build) {
  return points.map(({ partitions, readySeconds, idle, forwarded }) => ({
    build,
    partitions,
    readySeconds,
    idleRequests: idle.requestsPerSecond,
    forwardedRequests: forwarded.requestsPerSecond,
    idleCores: idle.cores,
  }));
}
