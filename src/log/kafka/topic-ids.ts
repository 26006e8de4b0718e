// Metadata v12, which kafkajs does not speak: it names the id of each topic (KIP-516). A topic that
// was deleted and made again keeps its name and gets another id.
import { compactLength, compactString, noTags, sendCompact } from './compact-protocol.ts';
import type { CompactReader } from './compact-protocol.ts';
import type { Connections } from './connections.ts';
import type { Broker } from './internals.ts';
import { harmless, patience, retrying } from './retry.ts';

const metadataApiKey = 3;
const metadataVersion = 12;
const idBytes = 16;
const deadlineMs = 10_000;

/**
 * Returns the ids of those `topics` that exist, as Kafka's tools print them. None from a broker
 * that has no ids.
 */
export async function topicIds(
  connections: Connections,
  topics: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  if (topics.length === 0) return new Map();
  return retrying(
    async () => {
      const broker = await connections.anyBroker();
      if (!knowsIds(broker)) return new Map();
      return sendCompact(broker, {
        apiKey: metadataApiKey,
        apiVersion: metadataVersion,
        apiName: 'Metadata',
        body: requestBody(topics),
        read: readAnswer,
      });
    },
    {
      what: 'Asking for the ids of topics',
      details: { topics: topics.join(', ') },
      kinds: harmless,
      ...patience,
      deadlineMs,
      onFailure: (error) => connections.recover(error),
    },
  );
}

function knowsIds({ versions }: Broker): boolean {
  return (versions?.[metadataApiKey]?.maxVersion ?? 0) >= metadataVersion;
}

// [topic_id name tags], allow_auto_topic_creation, include_topic_authorized_operations, tags.
function requestBody(topics: readonly string[]): readonly Buffer[] {
  const noId = Buffer.alloc(idBytes);
  return [
    compactLength(topics.length),
    ...topics.flatMap((topic) => [noId, compactString(topic), noTags]),
    Buffer.from([0, 0]),
    noTags,
  ];
}

// throttle_time, [broker], cluster_id, controller_id, [error name topic_id is_internal [partition]
// authorized_operations tags], tags.
function readAnswer(reader: CompactReader): ReadonlyMap<string, string> {
  reader.skip(4);
  reader.array(() => skipBroker(reader));
  reader.string();
  reader.skip(4);
  const ids = new Map<string, string>();
  reader.array(() => {
    reader.skip(2);
    const name = reader.string();
    const id = reader.bytes(idBytes);
    // Zero: the topic does not exist, or may not be described.
    if (id.some((byte) => byte !== 0)) ids.set(name, id.toString('base64url'));
    reader.skip(1);
    reader.array(() => skipPartition(reader));
    reader.skip(4);
    reader.skipTags();
  });
  return ids;
}

// node_id, host, port, rack, tags.
function skipBroker(reader: CompactReader): void {
  reader.skip(4);
  reader.string();
  reader.skip(4);
  reader.string();
  reader.skipTags();
}

// error, index, leader, leader_epoch, [replica], [in-sync replica], [offline replica], tags.
function skipPartition(reader: CompactReader): void {
  reader.skip(14);
  for (let list = 0; list < 3; list += 1) reader.skip(4 * Math.max(0, reader.compactLength()));
  reader.skipTags();
}
