// Addresses of clients. A client of IPv6 has a network of 2^64 addresses to itself, which count as
// one.
import { BlockList, isIPv4, isIPv6 } from 'node:net';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

const mappedPrefix = /^::ffff:(?=\d+\.)/i;

export function isLoopback(address: string): boolean {
  const plain = address.replace(mappedPrefix, '');
  if (isIPv4(plain)) return loopback.check(plain, 'ipv4');
  return isIPv6(plain) && loopback.check(plain, 'ipv6');
}

/** Returns what limits go by: the address, of IPv6 its first 64 bits. */
export function networkOf(address: string): string {
  const plain = address.replace(mappedPrefix, '');
  if (!isIPv6(plain)) return plain;
  const [head = '', tail] = (plain.split('%')[0] ?? '').split('::');
  const groups = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array.from({ length: Math.max(0, 8 - groups.length - after.length) }, () => '0');
  return `${[...groups, ...zeros, ...after].slice(0, 4).join(':')}::/64`;
}
