// The group that forwarded a record. Groups with one input share its rekeyed topic, and each
// forwards every reading that needs it: a group folds its own forwards alone.
//
//   rekey.group   after rekey.topic, where there is one; left out by versions before
import type { RecordHeader } from '../records/record.ts';

const name = 'rekey.group';

/** Returns the header that names the group. */
export function forwardGroupHeader(groupId: string): RecordHeader {
  return { key: name, value: Buffer.from(groupId) };
}

/**
 * Returns the group that the headers of a forward or a source's marker name; undefined where they
 * name none. A client's own header of that name comes before ours.
 */
export function forwardGroupOf(headers: readonly RecordHeader[]): string | undefined {
  const own = headers.findLastIndex(({ key }) => key === name);
  if (own < 0 || own < headers.findLastIndex(({ key }) => key === 'rekey.topic')) return undefined;
  const value = headers[own]?.value;
  return value == null ? undefined : Buffer.from(value).toString();
}
