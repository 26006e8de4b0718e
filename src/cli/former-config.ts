// The configuration that computed a group's state, read back from the fingerprint it committed.
import type { Config } from '../config/config.ts';
import { semanticsSettings } from '../config/settings.ts';
import { ConfigError } from '../errors.ts';
import {
  fingerprintDifferences,
  fingerprintSettings,
  semanticsFingerprint,
} from '../sensors/fingerprint.ts';
import { keptRules } from '../sensors/kept-rules.ts';
import { readConfig } from './command.ts';
import type { CliContext } from './context.ts';

/**
 * Returns the configuration of the environment with the semantic settings of `fingerprint`.
 * @throws ConfigError where this program cannot compute what they computed.
 */
export function configOfFingerprint(fingerprint: string, context: CliContext): Config {
  const committed = fingerprintSettings(fingerprint);
  // A declaration may be shortened in the fingerprint: it has to be the configured one.
  const names = Object.keys(semanticsSettings).filter((name) => name !== 'INPUT_SCHEMA');
  const legacy = new Map(keptRules.map(({ setting, legacy: value }) => [setting, value]));
  // Empty is unset: the fingerprint leaves out what is off.
  const valueOf = (name: string): string => committed.get(name) ?? legacy.get(name) ?? '';
  const overrides = Object.fromEntries(names.map((name) => [name, valueOf(name)]));
  const config = readConfig(context, overrides);
  const now = semanticsFingerprint(config.semantics).text;
  if (now === fingerprint) return config;
  throw new ConfigError(
    'the group cannot be migrated: what computed it differs beyond settings that a migration carries over ' +
      `(${fingerprintDifferences(fingerprint, now).join('; ')}). Set INPUT_SCHEMA back and use the version that ` +
      'computed it, or start with a new GROUP_ID and OUTPUT_TOPIC',
    { committed: fingerprint },
  );
}
