// Checks, before `run` joins its group, that the group can go on under these settings. Read-only.
import { assertMayJoin, preflight } from '../actors/preflight.ts';
import { readGroupState } from '../actors/group-state.ts';
import type { Config } from '../config/config.ts';
import type { EventLog } from '../log/event-log.ts';
import type { Logger } from '../logger.ts';
import { printText, type CliContext } from './context.ts';
import { isSetIn } from './kept-config.ts';

export interface Joining {
  readonly context: CliContext;
  readonly config: Config;
  readonly log: EventLog;
  readonly logger: Logger;
}

const warningsMax = 10;

/**
 * Returns `joining` with the semantic settings the group was started with; warns of shards that
 * will fail.
 * @throws ConfigError with every reason if the group, or all of its shards, cannot go on.
 */
export async function checkBeforeJoining(joining: Joining): Promise<Joining> {
  const { context, config, log, logger } = joining;
  const state = await readGroupState(log, config);
  const found = preflight(state, config, { isSet: isSetIn(context) });
  assertMayJoin(found);
  for (const line of found.kept) logger.info({}, line);
  for (const { message } of found.failing.slice(0, warningsMax)) {
    printText(context.err, `warning: one shard will fail while the others run: ${message}`);
  }
  return { ...joining, config: { ...config, semantics: found.semantics } };
}
