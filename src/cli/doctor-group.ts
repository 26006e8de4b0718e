// Checks that the group can go on under these settings, as `run` does before it joins.
import { preflight } from '../actors/preflight.ts';
import { readGroupState } from '../actors/group-state.ts';
import type { Config } from '../config/config.ts';
import type { EventLog } from '../log/event-log.ts';
import type { CliContext } from './context.ts';
import { fail, ok, type Check } from './doctor-check.ts';
import { isSetIn } from './kept-config.ts';

const cure = 'follow the message; docs/operations.md explains more';

/** Returns the checks of the group's committed positions. @throws UnavailableError */
export async function groupChecks(
  log: EventLog,
  config: Config,
  context: Pick<CliContext, 'env'>,
): Promise<readonly Check[]> {
  const state = await readGroupState(log, config);
  const { refusals, failing } = preflight(state, config, { isSet: isSetIn(context) });
  const problems = [...refusals, ...failing];
  const { groupId } = config.process;
  if (problems.length === 0) return [ok('group', `${groupId} can start or go on`)];
  return problems.map(({ message }) => fail('group', message, cure));
}
