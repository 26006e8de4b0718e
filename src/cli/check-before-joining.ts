// What `run` looks at before it joins its group: whether the group can go on under these settings.
// Reads only.
import { assertMayJoin, preflight } from '../actors/preflight.ts';
import { readGroupState } from '../actors/group-state.ts';
import type { Config } from '../config/config.ts';
import type { EventLog } from '../log/event-log.ts';
import type { Logger } from '../logger.ts';
import { printLine, type CliContext } from './context.ts';
import { isSetIn } from './kept-config.ts';

export interface Joining {
  readonly context: CliContext;
  readonly config: Config;
  readonly log: EventLog;
  readonly logger: Logger;
}

const warningsMax = 10;

/**
 * Returns the parts with the rules that the group keeps; warns of shards that will fail.
 * @throws ConfigError with every reason where the group cannot go on, or none of its shards can;
 * nothing is joined then.
 */
export async function checkBeforeJoining(joining: Joining): Promise<Joining> {
  const { context, config, log, logger } = joining;
  const state = await readGroupState(log, config);
  const found = preflight(state, config, { isSet: isSetIn(context) });
  assertMayJoin(found);
  for (const line of found.kept) logger.info({}, line);
  for (const { message } of found.failing.slice(0, warningsMax)) {
    printLine(context.err, `warning: one shard will fail, the others run: ${message}`);
  }
  return { ...joining, config: { ...config, semantics: found.semantics } };
}
