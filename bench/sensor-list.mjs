// Measures GET /sensors of the built program, as the page asks it: the first page, searches, pages
// one after the other, sorted and filtered lists. Once with few sensors and once with many, so that
// the growth shows where the machine is noisy. No question is asked twice, because equal questions
// within a second share an answer.
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startMeasured } from './measured-program.mjs';
import { report, spread } from './result.mjs';

const help = `node bench/sensor-list.mjs [options]   (default in brackets)
  --sensors N    of the second program [100000]   --few N   of the first [10000]
  --questions N  of each kind [15]`;
const { values: flags } = parseArgs({
  options: {
    sensors: { type: 'string', default: '100000' },
    few: { type: 'string', default: '10000' },
    questions: { type: 'string', default: '15' },
    help: { type: 'boolean', default: false },
  },
});
const token = 'of-the-bench-and-nobody-else';
const postedMax = 20_000;
const waitMsMax = 120_000;

if (flags.help) console.log(help);
else await main();

async function main() {
  const counts = [Number(flags.few), Number(flags.sensors)];
  const measured = [];
  for (const sensors of counts) measured.push(await measure(sensors));
  const [few, many] = measured;
  const growth = Object.fromEntries(
    Object.entries(many).map(([kind, { median }]) => [
      kind,
      Number((median / few[kind].median).toFixed(1)),
    ]),
  );
  const [fewSensors, sensors] = counts;
  report('sensor-list', {
    workload: { sensors, fewSensors, questions: Number(flags.questions) },
    ...{ unit: 'ms until the whole answer', few, many, growth },
  });
}

async function measure(sensors) {
  const program = startMeasured({ WORKERS: '1', SIMULATED_SENSORS: '0', HTTP_WRITE_TOKEN: token });
  try {
    const url = await urlOf(program);
    await post(url, sensors);
    await until(async () => (await ask(url, 'limit=1'))?.total === sensors, program);
    return {
      first: await times(url, (at) => `sort=id&limit=${50 + at}&windows=true`),
      search: await times(url, (at) => `search=${at}7&limit=50&windows=true`),
      pages: await pages(url),
      sorted: await times(url, (at) => `sort=-mean&limit=${50 + at}&windows=true`),
      alarmed: await times(url, (at) => `filter=alarmed&limit=${50 + at}&windows=true`),
    };
  } finally {
    await program.stop();
  }
}

/** Posts one reading of each sensor. */
async function post(url, sensors) {
  for (let from = 0; from < sensors; from += postedMax) {
    const timestamp = Date.now();
    const lines = Array.from({ length: Math.min(postedMax, sensors - from) }, (_, index) =>
      JSON.stringify({ sensor_id: `sensor_${from + index}`, timestamp, value: index % 97 }),
    );
    const headers = { authorization: `Bearer ${token}` };
    const body = lines.join('\n');
    const response = await fetch(`${url}/readings`, { method: 'POST', headers, body });
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  }
}

async function times(url, queryOf) {
  const taken = [];
  for (let at = 0; at < Number(flags.questions); at += 1) {
    const beganMs = performance.now();
    if ((await ask(url, queryOf(at))) !== undefined) taken.push(performance.now() - beganMs);
  }
  return answered(taken);
}

async function pages(url) {
  let cursor = '';
  const taken = [];
  for (let at = 0; at < Number(flags.questions); at += 1) {
    const beganMs = performance.now();
    const page = await ask(url, `sort=id&limit=49&windows=true&cursor=${cursor}`);
    if (page === undefined) continue;
    taken.push(performance.now() - beganMs);
    cursor = page.next;
  }
  return answered(taken);
}

/** A worker that has no time within 1.5 s makes a 503: such questions are counted, not timed. */
function answered(taken) {
  const refused = Number(flags.questions) - taken.length;
  return taken.length === 0 ? { refused } : { ...spread(taken, 1), refused };
}

async function ask(url, query) {
  const response = await fetch(`${url}/sensors?${query}`);
  if (response.status === 503) return undefined;
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  return response.json();
}

async function urlOf(program) {
  const found = () => /^page +(\S+)\/$/m.exec(program.output())?.[1];
  await until(() => found() !== undefined, program);
  const url = found();
  await until(async () => (await fetch(`${url}/health/ready`)).ok, program);
  return url;
}

async function until(holds, program) {
  const beganMs = performance.now();
  while (!(await holds())) {
    if (performance.now() - beganMs > waitMsMax) throw new Error(program.output().slice(-2_000));
    await sleep(100);
  }
}
