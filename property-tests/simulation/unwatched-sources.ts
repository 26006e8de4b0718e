// The sources as a shard sees them that nobody looks at for it.
import type { ShardContext } from '../../src/actors/shard-context.ts';
import { encodeForwardClock } from '../../src/actors/source-clocks.ts';
import { nothingKnownOfSources } from '../../src/actors/source-progress.ts';

export const unwatchedSources: ShardContext['sources'] = {
  view: nothingKnownOfSources,
  allIdle: false,
  forwardClock: encodeForwardClock(undefined),
  active: () => undefined,
  tick: () => undefined,
};
