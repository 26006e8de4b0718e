// A Lua script and the SHA-1 digest under which Redis caches it.
import { createHash } from 'node:crypto';

export interface RedisScript {
  readonly lua: string;
  readonly sha1: string;
}

/** Returns `lua` with its digest. */
export function namedScript(lua: string): RedisScript {
  return { lua, sha1: createHash('sha1').update(lua).digest('hex') };
}
