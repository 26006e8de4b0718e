// npm run bench:against REV: builds another git revision beside this one, runs both in turn on the
// same input, and prints the ratio of their costs with its spread. Use it to show that a change
// costs nothing.
import { parseArgs } from 'node:util';
import { measureBacklog } from './backlog.mjs';
import { deleteTopics, ensureBacklogTopic, openBenchLog } from './bench-log.mjs';
import { measureClosings } from './closings.mjs';
import { compareRounds, verdict } from './comparison.mjs';
import { defaultWorkers, startLive } from './measured-program.mjs';
import { load, planOf } from './readings.mjs';
import { report } from './result.mjs';
import { buildRevision, semanticDifferences, settingsOf, thisRevision } from './revision.mjs';
import { assertSameAnswers, drive, openRows, urlOf } from './serving-load.mjs';
import { startServices, stopServices } from './services.mjs';

const help = `npm run bench:against -- REVISION [options]   (default in brackets)
builds REVISION (the old one) beside this tree (the new one) and runs both in turn on the same input

  --rounds N       each runs both, in alternating order [5]
  --readings N     in the input of every run [4000000]   --format json|avro              [json]
  --sensors N      [1000]                                --baseline adaptive|cumulative  [adaptive]
  --partitions N   [4]                                   --workers N    [the program's]
  --set NAME=VALUE a setting for those of the two that know it; may be repeated
  --latency        latency of live input instead: from append to topic and to Redis
  --rate N         its readings a second, at least 5000 [20000]
  --settle N       seconds before it measures [60]
  --serving        requests a second for one sensor and for a hundred instead
  --seconds N      measured in each run of --latency [60], of --serving [4]
  --name NAME      of the result; '' writes none [against]
  --keep           leaves Kafka and Redis running`;
const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '5' },
    readings: { type: 'string', default: '4000000' },
    format: { type: 'string', default: 'json' },
    sensors: { type: 'string', default: '1000' },
    baseline: { type: 'string', default: 'adaptive' },
    partitions: { type: 'string', default: '4' },
    workers: { type: 'string', default: defaultWorkers },
    set: { type: 'string', multiple: true, default: [] },
    latency: { type: 'boolean', default: false },
    rate: { type: 'string', default: '20000' },
    settle: { type: 'string', default: '60' },
    serving: { type: 'boolean', default: false },
    seconds: { type: 'string' },
    name: { type: 'string', default: 'against' },
    keep: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const [rounds, partitions, sensors, workers] = ['rounds', 'partitions', 'sensors', 'workers'].map(
  (name) => Number(flags[name]),
);
const concurrency = 8;

if (flags.help) console.log(help);
else if (positionals.length !== 1) {
  console.error(`expected one revision, came ${positionals.length}\n\n${help}`);
  process.exitCode = 2;
} else await main(positionals[0]);

async function main(revision) {
  const older = await withSettings(buildRevision(revision));
  const newer = await withSettings(thisRevision());
  assertKnown([older, newer]);
  const differences = await semanticDifferences(older, newer);
  for (const [name, { commit, subject, env }] of Object.entries({ old: older, new: newer })) {
    console.log(`${name}  ${commit} ${subject}  ${settingsText(env)}`);
  }
  for (const difference of differences) console.log(`not the same results: ${difference}`);
  const services = startServices();
  const log = await openBenchLog(services.brokers);
  try {
    const measure = flags.latency ? latencyOf : flags.serving ? servingOf : ingestOf;
    const measured = await measure({ services, log, older, newer, differences });
    const printed = measured.verdicts.join('\n');
    const both = { old: described(older), new: described(newer), differences };
    if (flags.name !== '') report(flags.name, { ...both, ...measured });
    console.log(printed);
  } finally {
    await log.close();
    if (!flags.keep) stopServices();
  }
}

/** Adds as `env` the settings of the command line that the revision supports. */
async function withSettings(built) {
  const known = await settingsOf(built);
  const given = [`BASELINE=${flags.baseline}`, `WORKERS=${workers}`, ...flags.set].map((text) => {
    const [name, ...value] = text.split('=');
    return [name, value.join('=')];
  });
  return { ...built, env: Object.fromEntries(given.filter(([name]) => known.includes(name))) };
}

/** @throws if neither revision has a setting: its name is wrong. */
function assertKnown(both) {
  for (const text of flags.set) {
    const [name] = text.split('=');
    if (both.some(({ env }) => name in env)) continue;
    throw new Error(`expected --set NAME=VALUE with a setting of either revision, came ${text}`);
  }
}

function settingsText(env) {
  return Object.entries(env)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
}

function described({ commit, subject, env }) {
  return { commit, subject, settings: env };
}

/** Runs `measureOne` on both, `rounds` times, in alternating order; prints each round. */
async function inTurn({ older, newer }, measureOne, shown) {
  const measured = [];
  for (let round = 0; round < rounds; round += 1) {
    const results = {};
    const order = [
      ['older', older],
      ['newer', newer],
    ];
    if (round % 2 === 1) order.reverse();
    for (const [name, built] of order) {
      results[name] = await measureOne(built, `${name}_${round}`, round);
    }
    measured.push(results);
    const figures = shown.map((figure) => {
      const [before, after] = [results.older[figure], results.newer[figure]];
      return `${figure} ${round3(before)} → ${round3(after)}`;
    });
    console.log(`round ${round + 1}: ${figures.join(' · ')}`);
  }
  return measured;
}

function round3(number) {
  return Number(number.toPrecision(4));
}

/**
 * CPU per reading, readings per second and memory over one backlog; both must give the same rows.
 */
async function ingestOf({ services, log, older, newer, differences }) {
  const { brokers } = services;
  const plan = planOf({ readings: Number(flags.readings), sensors, format: flags.format });
  const input = `against_${Date.now()}`;
  await ensureBacklogTopic(log, input, partitions);
  process.stderr.write(`against: appending ${plan.readings} readings\n`);
  const bytesPerReading = await load(log, input, plan);
  const backlog = { log, ...services, input, partitions, plan };
  const figures = [
    'cpuMicrosPerReading',
    'cpuMicrosPerReadingWarm',
    'cpuMicrosPerReadingAndProjection',
    'startCpuSeconds',
    'readingsPerSecond',
    'peakRssMb',
  ];
  const measureOne = async ({ env, tree }, run) => {
    const measured = await measureBacklog(backlog, { run, env, tree });
    await deleteTopics(brokers, [`${input}_rows_${run}`]);
    return measured;
  };
  const measured = await inTurn({ older, newer }, measureOne, figures);
  await deleteTopics(brokers, [input]);
  const checksums = measured.flatMap((each) => [each.older.checksum, each.newer.checksum]);
  const equal = new Set(checksums).size === 1;
  if (!equal && differences.length === 0) {
    throw new Error(`both fold by the same rules, and the rows differ: ${checksums.join(', ')}`);
  }
  const compared = compareRounds(measured, figures);
  return {
    workload: {
      readings: plan.readings,
      format: flags.format,
      bytesPerReading: Math.round(bytesPerReading),
      sensors,
      partitions,
      on: 'exactly-once commits, snapshots every 30 s, Redis projection',
    },
    rows: measured[0].newer.rows,
    rowsEqual: equal,
    compared,
    rounds: measured,
    verdicts: [
      verdict('CPU a reading', compared.cpuMicrosPerReading, { rounds }),
      verdict('the same, warm', compared.cpuMicrosPerReadingWarm, { rounds }),
      verdict('CPU until the first position', compared.startCpuSeconds, { rounds }),
      verdict('readings a second', compared.readingsPerSecond, { rounds, better: 'more' }),
      verdict('greatest memory', compared.peakRssMb, { rounds }),
      `rows: ${equal ? 'the same in all runs' : 'not the same, as their rules are not'}`,
    ],
  };
}

/** Time from the append of a reading that closes a window to its rows in the topic and in Redis. */
async function latencyOf({ services, older, newer }) {
  const workload = {
    ...{ rate: Number(flags.rate), sensors, partitions, workers },
    windowMs: 5_000,
    seconds: Number(flags.seconds ?? 60),
    settleSeconds: Number(flags.settle),
  };
  const figures = ['topicP50Ms', 'topicP99Ms', 'redisP50Ms', 'redisP99Ms', 'cores'];
  const measureOne = async ({ env, tree }) => {
    const measured = await measureClosings(services, workload, { env, tree });
    return {
      topicP50Ms: measured.topicMs.p50.all,
      topicP99Ms: measured.topicMs.p99.all,
      redisP50Ms: measured.redisMs.p50.all,
      redisP99Ms: measured.redisMs.p99.all,
      cores: measured.cores,
      closings: measured.closings,
    };
  };
  const measured = await inTurn({ older, newer }, measureOne, figures);
  const compared = compareRounds(measured, figures);
  const verdicts = figures.map((figure) => verdict(figure, compared[figure], { rounds }));
  return { workload, compared, rounds: measured, verdicts };
}

/**
 * Requests for features, sent in turn to both programs, which run all the time on the same Redis.
 */
async function servingOf({ services, older, newer }) {
  const seconds = Number(flags.seconds ?? 4);
  const rows = openRows(services.redisUrl);
  await rows.write();
  const serve = async ({ env, tree }, name) => {
    const program = startLive(services, `against_${Date.now()}_${name}`, env, { tree });
    const url = await urlOf(program);
    return { program, url, cpu: () => program.cpuSeconds() };
  };
  const servers = { older: await serve(older, 'old'), newer: await serve(newer, 'new') };
  const figures = ['requestsPerSecond', 'p50Ms', 'p99Ms', 'cpuMicrosPerRequest'];
  const compared = {};
  const verdicts = [];
  const all = {};
  for (const entities of [1, 100]) {
    await assertSameAnswers([servers.older, servers.newer], entities);
    if (entities === 1) rows.keepWriting();
    const measureOne = (server) => drive(server, { entities, seconds, concurrency });
    // Requests before the measurement warm both up.
    for (const server of Object.values(servers)) await measureOne(server);
    const name = entities === 1 ? 'oneEntity' : 'hundredEntities';
    all[name] = await inTurn(servers, measureOne, figures);
    compared[name] = compareRounds(all[name], figures);
    for (const figure of figures) {
      const better = figure === 'requestsPerSecond' ? 'more' : 'less';
      verdicts.push(verdict(`${name} ${figure}`, compared[name][figure], { rounds, better }));
    }
  }
  await rows.close();
  for (const { program } of Object.values(servers)) await program.stop();
  return { workload: { concurrency, seconds }, compared, rounds: all, verdicts };
}
