// Preloaded into the program by the chaos run (NODE_OPTIONS=--require …): ends or freezes the process at a named point
// inside a commit, a recovery or a projection. The product knows nothing of it; requests are told by what is sent.
//
//   SENSORIUM_CRASH_AT=<request>.<moment>[:nth]     kill -9 at the nth such request of a thread (default 1)
//   SENSORIUM_FREEZE_AT=<request>.<moment>[:nth]    SIGSTOP instead, once a process
//
//   request   initProducerId offsetFetch addOffsetsToTxn addPartitionsToTxn txnOffsetCommit produce endTxn
//             snapshot (what is appended outside a transaction) · redis (the upsert of rows)
//   moment    before (not sent) · sent (on its way, no answer seen) · after (answered, the caller does not know yet)
const { mkdirSync, writeSync } = require('node:fs');
const Module = require('node:module');
const { join } = require('node:path');
const { isMainThread } = require('node:worker_threads');

const project = Module.createRequire(join(process.cwd(), 'package.json'));
const requests = {
  0: 'produce',
  9: 'offsetFetch',
  22: 'initProducerId',
  24: 'addPartitionsToTxn',
  25: 'addOffsetsToTxn',
  26: 'endTxn',
  28: 'txnOffsetCommit',
};

if (isMainThread) dieWithParent();
const plan = planOf('SENSORIUM_CRASH_AT', 'SIGKILL') ?? planOf('SENSORIUM_FREEZE_AT', 'SIGSTOP');
if (plan !== undefined) {
  watchKafka();
  watchRedis();
}

/** A run that is itself killed leaves no process behind. */
function dieWithParent() {
  const parent = process.ppid;
  const check = () => {
    if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL');
  };
  setInterval(check, 1_000).unref();
}

function planOf(variable, signal) {
  const text = process.env[variable];
  if (text === undefined || text === '') return undefined;
  const [point, nth] = text.split(':');
  return { point, left: Number(nth ?? 1), signal };
}

/** Returns whether this is the planned moment; counts. */
function isPlanned(request, moment) {
  if (plan.point !== `${request}.${moment}` || plan.left === 0) return false;
  plan.left -= 1;
  return plan.left === 0;
}

function strike() {
  // The threads of a process count each for itself: the first to get here is the one.
  if (plan.signal === 'SIGSTOP' && !claimed()) return;
  writeSync(2, `${JSON.stringify({ reached: plan.point, signal: plan.signal })}\n`);
  process.kill(process.pid, plan.signal);
  // Nothing of this thread runs on before the signal is there.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
}

function claimed() {
  try {
    mkdirSync(join(process.env.DATA_DIR, 'frozen'));
    return true;
  } catch {
    return false;
  }
}

/** Once the program has loaded it: kafkajs must be loaded by the program, which fits it first. */
function watchKafka() {
  const path = project.resolve('kafkajs/src/network/connection');
  const { prototype } = Module;
  const { load } = prototype;
  prototype.load = function (filename) {
    load.call(this, filename);
    if (filename !== path) return;
    prototype.load = load;
    watchRequests(this.exports);
  };
}

function watchRequests({ prototype }) {
  const { send } = prototype;
  prototype.send = async function (protocol) {
    const request = await nameOf(protocol.request);
    if (request === undefined) return send.call(this, protocol);
    if (isPlanned(request, 'before')) strike();
    if (isPlanned(request, 'sent')) strikeOnceWritten(this.socket, protocol.request.apiKey);
    const answer = await send.call(this, protocol);
    if (isPlanned(request, 'after')) strike();
    return answer;
  };
}

async function nameOf({ apiKey, encode }) {
  const name = requests[apiKey];
  if (name !== 'produce') return name;
  // It begins with the transactional id; a length of -1 is none.
  const { buffer } = await encode();
  return buffer.readInt16BE(0) < 0 ? 'snapshot' : name;
}

function strikeOnceWritten(socket, apiKey) {
  const { write } = socket;
  socket.write = (bytes, ...rest) => {
    const flushed = write.call(socket, bytes, ...rest);
    if (Buffer.isBuffer(bytes) && bytes.readInt16BE(4) === apiKey) {
      socket.write = write;
      strike();
    }
    return flushed;
  };
}

function watchRedis() {
  const { prototype } = project('ioredis').Redis;
  const { sendCommand } = prototype;
  prototype.sendCommand = function (command, stream) {
    if (!/^eval/i.test(command.name)) return sendCommand.call(this, command, stream);
    if (isPlanned('redis', 'before')) strike();
    const answer = sendCommand.call(this, command, stream);
    if (isPlanned('redis', 'sent')) strike();
    answer.then(
      () => {
        if (isPlanned('redis', 'after')) strike();
      },
      () => undefined,
    );
    return answer;
  };
}
