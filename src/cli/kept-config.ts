// The configuration for reading a group's results: the semantic settings the group started with.
import { committedFingerprint } from '../actors/group-state.ts';
import { settingText, type Config } from '../config/config.ts';
import { settingNames } from '../config/settings.ts';
import type { EventLog } from '../log/event-log.ts';
import { keepRules } from '../sensors/kept-rules.ts';
import type { CliContext } from './context.ts';

/** Returns `config` with the group's semantic settings where the environment sets none. */
export async function withKeptRules(
  log: Pick<EventLog, 'describeTopic' | 'observedPositions'>,
  config: Config,
  context: Pick<CliContext, 'env'>,
): Promise<Config> {
  const committed = await committedFingerprint(log, config);
  const { semantics } = keepRules(config.semantics, { committed, isSet: isSetIn(context) });
  return { ...config, semantics };
}

/** Returns a predicate: does the environment set the setting of this name? */
export function isSetIn({ env }: Pick<CliContext, 'env'>): (setting: string) => boolean {
  const names = new Map(settingNames.map((name) => [name as string, name]));
  return (setting) => {
    const name = names.get(setting);
    return name !== undefined && settingText(env, name) !== undefined;
  };
}
