// A network for the brokers of a cluster: each has a namespace on one bridge, so that one can be cut
// off from clients and from the others while it runs on. Needs Linux and root; without them all
// brokers listen on 127.0.0.1.
import { spawnSync } from 'node:child_process';

export interface NodeNetwork {
  /** Address of a node. */
  hostOf(node: number): string;
  /** The namespace that the node must run in; undefined for that of the tests. */
  namespaceOf(node: number): string | undefined;
  /** Undefined where nodes cannot be cut off here. */
  readonly cut: ((node: number) => void) | undefined;
  rejoin(node: number): void;
  remove(): void;
}

const onLoopback: NodeNetwork = {
  hostOf: () => '127.0.0.1',
  namespaceOf: () => undefined,
  cut: undefined,
  rejoin: () => undefined,
  remove: () => undefined,
};

/** Makes the network for the nodes, or returns that of the machine where it cannot be made. */
export function openNodeNetwork(nodes: readonly number[]): NodeNetwork {
  // Interface names have 15 characters at most.
  const name = `sn${process.pid % 100_000}`;
  const subnet = `10.99.${process.pid % 250}`;
  const namespace = (node: number): string => `${name}-${node}`;
  const link = (node: number): string => `${name}v${node}`;
  const remove = (): void => {
    for (const node of nodes) ip('netns', 'del', namespace(node));
    ip('link', 'del', name);
  };
  const made =
    process.getuid?.() === 0 &&
    ip('link', 'add', name, 'type', 'bridge') &&
    ip('addr', 'add', `${subnet}.1/24`, 'dev', name) &&
    ip('link', 'set', name, 'up') &&
    nodes.every((node) => {
      const inside = `${name}i${node}`;
      return (
        ip('netns', 'add', namespace(node)) &&
        ip('link', 'add', link(node), 'type', 'veth', 'peer', 'name', inside) &&
        ip('link', 'set', inside, 'netns', namespace(node)) &&
        ip('link', 'set', link(node), 'master', name, 'up') &&
        ip('-n', namespace(node), 'addr', 'add', `${subnet}.${node + 10}/24`, 'dev', inside) &&
        ip('-n', namespace(node), 'link', 'set', inside, 'up') &&
        ip('-n', namespace(node), 'link', 'set', 'lo', 'up')
      );
    });
  if (!made) {
    remove();
    return onLoopback;
  }
  return {
    hostOf: (node) => `${subnet}.${node + 10}`,
    namespaceOf: namespace,
    cut: (node) => void ip('link', 'set', link(node), 'down'),
    rejoin: (node) => void ip('link', 'set', link(node), 'up'),
    remove,
  };
}

/** Returns whether the command of iproute2 succeeded. */
function ip(...args: readonly string[]): boolean {
  return spawnSync('ip', args, { stdio: 'ignore' }).status === 0;
}
