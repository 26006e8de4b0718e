// Topics of Sparkplug B. Names hold none of `/ + #`, so a device's id has one decomposition.
//
//   spBv1.0/<group>/<NBIRTH|NDATA|NDEATH>/<edge node>             id <group>/<edge node>
//   spBv1.0/<group>/<DBIRTH|DDATA|DDEATH>/<edge node>/<device>    id <group>/<edge node>/<device>

export interface SparkplugPlace {
  readonly message: 'birth' | 'data' | 'death';
  readonly edgeNode: string;
  /** That of the device, or of the edge node itself. */
  readonly id: string;
}

export const sparkplugNamespace = 'spBv1.0/';

const messages = { BIRTH: 'birth', DATA: 'data', DEATH: 'death' } as const;
const pattern =
  /^spBv1\.0\/([^/]+)\/(?:N(BIRTH|DATA|DEATH)\/([^/]+)|D(BIRTH|DATA|DEATH)\/([^/]+)\/([^/]+))$/s;

/** Returns what a topic says; undefined for commands and the states of hosts. */
export function sparkplugPlace(topic: string): SparkplugPlace | undefined {
  const [, group, ofNode, node, ofDevice, itsNode, device] = pattern.exec(topic) ?? [];
  const message = messages[(ofNode ?? ofDevice) as keyof typeof messages];
  if (group === undefined || message === undefined) return undefined;
  const edgeNode = `${group}/${node ?? itsNode ?? ''}`;
  return { message, edgeNode, id: device === undefined ? edgeNode : `${edgeNode}/${device}` };
}

/** Returns the topic of commands to an edge node. */
export function commandTopic(edgeNode: string): string {
  const [group = '', node = ''] = edgeNode.split('/');
  return `${sparkplugNamespace}${group}/NCMD/${node}`;
}
