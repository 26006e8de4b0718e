// A message of MQTT → the record that is appended for it. The payload is what the declaration of
// the input says, or a bare number. One that is no reading is appended all the same: nobody waits
// for an answer, so the fold keeps it as a dead letter.
import type { RecordOfArrival } from './arrived-record.ts';
import { isNestedDeep, parsedJson } from '../codecs/bounded-json.ts';
import { setAt } from '../codecs/declared-encoder.ts';
import { numberOf } from '../codecs/input-time.ts';
import { valueOf } from '../codecs/input-value.ts';
import { readingBytesMax } from '../codecs/reading-limits.ts';
import { inTimeUnit } from '../codecs/schema-time.ts';
import type { OutputRecord, RecordHeader } from '../records/record.ts';
import type { InputDeclaration } from '../sensors/input-declaration.ts';
import type { DeadLetterCode } from '../sensors/reading.ts';
import type { IdOfTopic } from './mqtt-topics.ts';

export interface ArrivedMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly arrivedMs: number;
}

/** The records to append for a message, in this order. */
export interface MessageRecords {
  readonly records: readonly OutputRecord[];
  /** Why the fold will make dead letters: a reason for each of the records that hold no reading. */
  readonly refused: readonly DeadLetterCode[];
}

export interface MessageOptions {
  readonly topic: string;
  readonly input: InputDeclaration | undefined;
  readonly recordOf: RecordOfArrival;
  /** Left out: the id is in the payload. */
  readonly idOf: IdOfTopic | undefined;
}

const bareBytesMax = 400;
/** A longer payload that is no reading is cut: its topic might take no record so long. */
const keptBytesMax = 10_000;

/** Returns how messages become records. Never throws, whatever the payload is. */
export function createRecordsOfMessage(
  options: MessageOptions,
): (message: ArrivedMessage) => MessageRecords {
  const { idOf, input, recordOf } = options;
  return ({ topic, payload, arrivedMs }) => {
    const id = idOf?.(topic);
    const value = valueOfMessage(payload, { id, input, arrivedMs });
    const { record, refusals } = recordOf({ value, key: id, arrivedMs });
    if (record !== undefined) return { records: [record], refused: [] };
    return {
      records: [refusedMessage({ inputTopic: options.topic, topic, id, value })],
      refused: [refusals[0]?.reason.code ?? 'json_syntax'],
    };
  };
}

/** Returns the record of what holds no reading: the fold makes a dead letter of it. */
export function refusedMessage(refused: {
  readonly inputTopic: string;
  /** That of MQTT. */
  readonly topic: string;
  readonly id: string | undefined;
  readonly value: Uint8Array;
}): OutputRecord {
  const { id, inputTopic, topic, value } = refused;
  const headers: RecordHeader[] = [{ key: 'mqtt.topic', value: Buffer.from(topic) }];
  if (value.length > keptBytesMax) {
    headers.push({ key: 'mqtt.bytes', value: Buffer.from(String(value.length)) });
  }
  const key = id === undefined ? null : Buffer.from(id);
  return { topic: inputTopic, key, value: value.subarray(0, keptBytesMax), headers };
}

interface Message {
  readonly id: string | undefined;
  readonly input: InputDeclaration | undefined;
  readonly arrivedMs: number;
}

function valueOfMessage(payload: Uint8Array, message: Message): Uint8Array {
  const { id, input, arrivedMs } = message;
  const bare = bareValue(payload, input);
  if (input !== undefined) {
    return bare === undefined ? payload : (declaredBare(bare, input, arrivedMs) ?? payload);
  }
  if (bare !== undefined) {
    return encoded({ sensor_id: id, timestamp: arrivedMs, value: bare });
  }
  if (payload.length > readingBytesMax || isNestedDeep(payload)) return payload;
  const fields = parsedJson(Buffer.from(payload).toString());
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) return payload;
  const whole = { timestamp: arrivedMs, ...fields, ...(id === undefined ? {} : { sensor_id: id }) };
  return encoded(whole);
}

/** Returns the value of a payload that is nothing else: `21.5`, or `on` where it is declared. */
function bareValue(
  payload: Uint8Array,
  input: InputDeclaration | undefined,
): number | string | undefined {
  if (payload.length > bareBytesMax) return undefined;
  const text = Buffer.from(payload).toString().trim();
  const types = input?.valueTypes ?? ['number'];
  const number = types.includes('number') ? numberOf(text) : undefined;
  return number ?? (valueOf(text, types) === undefined ? undefined : text);
}

/** Returns a record of the declared shape; undefined where it has more than one value. */
function declaredBare(
  value: number | string,
  { measurements, time, timeUnit }: InputDeclaration,
  arrivedMs: number,
): Uint8Array | undefined {
  if (measurements.kind !== 'one') return undefined;
  const fields = {};
  setAt(fields, measurements.field, value);
  if (time !== 'record') setAt(fields, time, inTimeUnit(arrivedMs, 'ms', timeUnit));
  return encoded(fields);
}

function encoded(fields: object): Uint8Array {
  return Buffer.from(JSON.stringify(fields));
}
