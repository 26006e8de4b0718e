// Loaded into every thread of the measured program (`node --import`): counts its requests to Kafka
// by API. Each thread updates its own file in the folder REQUEST_COUNTS twice a second: {api:
// requests so far}.
import { renameSync, writeFileSync } from 'node:fs';
import { Module } from 'node:module';
import { join, sep } from 'node:path';
import { threadId } from 'node:worker_threads';

const { REQUEST_COUNTS: folder } = process.env;
const connectionFile = join(sep, 'kafkajs', 'src', 'network', 'connection.js');
if (folder !== undefined) {
  // The program fits kafkajs to itself while it loads it, so nothing of it may be loaded here.
  const { load } = Module.prototype;
  Module.prototype.load = function (path) {
    load.call(this, path);
    if (path.endsWith(connectionFile)) countRequests(this.exports.prototype);
  };
}

function countRequests(connection) {
  const counts = {};
  const { send } = connection;
  connection.send = function (protocol) {
    const { apiName } = protocol.request;
    counts[apiName] = (counts[apiName] ?? 0) + 1;
    return send.call(this, protocol);
  };
  let written;
  setInterval(() => {
    const text = JSON.stringify(counts);
    if (text === written) return;
    // Whole at once: it may be read at any moment.
    const file = join(folder, `${threadId}.json`);
    writeFileSync(`${file}.next`, text);
    renameSync(`${file}.next`, file);
    written = text;
  }, 500).unref();
}
