// Loaded into every thread of the measured program (`node --import`): counts its requests to Kafka
// by API. Each thread updates its own file in the folder REQUEST_COUNTS twice a second: {api:
// requests so far}.
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { threadId } from 'node:worker_threads';

const { REQUEST_COUNTS: folder, REQUESTS_OF: tree } = process.env;
if (folder !== undefined) {
  // The program's own copy of the client. This file of it alone: its index is loaded by the
  // program, in its own order.
  const require = createRequire(join(tree, 'package.json'));
  const { prototype } = require('kafkajs/src/network/connection');
  const names = new Map(
    Object.entries(require('kafkajs/src/protocol/requests/apiKeys')).map(([name, key]) => [
      key,
      name,
    ]),
  );
  const counts = {};
  const { send } = prototype;
  prototype.send = function (protocol) {
    const { apiKey } = protocol.request;
    const name = names.get(apiKey) ?? `API ${apiKey}`;
    counts[name] = (counts[name] ?? 0) + 1;
    return send.call(this, protocol);
  };
  let written;
  setInterval(() => {
    const text = JSON.stringify(counts);
    if (text !== written) writeFileSync(join(folder, `${threadId}.json`), text);
    written = text;
  }, 500).unref();
}
