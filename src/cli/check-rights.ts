// Reports every missing Kafka right before `run` starts. A missing right to write the output topic
// would otherwise surface only when the first window closes.
import type { Config } from '../config/config.ts';
import { ConfigError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { rightsOfRun } from './needed-rights.ts';

export interface RightFinding {
  /** Names the principal and the right it lacks. */
  readonly refusal: string;
  /** The command that grants it. */
  readonly cure: string;
}

/**
 * Returns the rights that `run` lacks; empty on the embedded log.
 * @throws UnavailableError, ConfigError
 */
export async function lackingRights(
  config: Config,
  logger: Logger,
): Promise<readonly RightFinding[]> {
  const { groupId, kafka } = config.process;
  if (kafka === undefined) return [];
  const [{ missingRights }, { aclLine, refusalOf }] = await Promise.all([
    import('../log/kafka/rights.ts'),
    import('../log/kafka/missing-right.ts'),
  ]);
  const options = { clientId: `sensorium-rights-${process.pid}`, logger };
  const missing = await missingRights(kafka, options, rightsOfRun(config));
  return missing.map((right) => ({
    refusal: refusalOf(right),
    cure: aclLine(right, groupId),
  }));
}

/**
 * Resolves if `run` has every right it needs.
 * @throws ConfigError that lists every missing right with its cure.
 */
export async function assertRights(config: Config, logger: Logger): Promise<void> {
  const [first, ...others] = await lackingRights(config, logger);
  if (first === undefined) return;
  const cures = others.map(({ cure }) => `\n${cure}`).join('');
  const more = others.length === 0 ? '' : `, and ${others.length} more rights`;
  const { refusal, cure } = first;
  throw new ConfigError(`${refusal}${more}. Grant it: ${cure}${cures}`, { refusal, cure });
}
