// Claims a Redis for one pipeline by its marker (owner-marker.ts), and keeps asking whether the
// claim holds.
import { systemClock } from '../../clock.ts';
import type { FeastNames } from '../../codecs/feast.ts';
import type { RedisConfig } from '../../config/redis-config.ts';
import { assert, ConfigError } from '../../errors.ts';
import type { Logger } from '../../logger.ts';
import { markerOf, ownerCure, ownerKey, type Pipeline } from './owner-marker.ts';
import { openRedisConnection, type RedisConnection } from './redis-connection.ts';
import { namedScript } from './redis-script.ts';

// KEYS[1] the marker ARGV[1] our marker ARGV[2] `take-over` or `refuse` answer: the marker that
// stands afterwards. One script, so two pipelines that start at once cannot both claim.
const claimScript = namedScript(`
local marker = redis.call('GET', KEYS[1])
if marker and ARGV[2] ~= 'take-over' then return marker end
if marker ~= ARGV[1] then redis.call('SET', KEYS[1], ARGV[1]) end
return ARGV[1]
`);

const readScript = namedScript("return redis.call('GET', KEYS[1])");

/** How long a confirmed claim is trusted: a pipeline taken over stops writing within this time. */
const confirmedMsMax = 1_000;

interface Claim {
  readonly names: FeastNames;
  readonly pipeline: Pipeline;
  readonly whenOther: 'refuse' | 'take-over';
}

/** `claimStore` over a connection of its own. */
export async function claimRedis(config: RedisConfig, claim: Claim, logger: Logger): Promise<void> {
  await withConnection(config, logger, (connection) => claimStore(connection, claim));
}

/**
 * Returns the marker of the pipeline that writes; undefined where none has written yet.
 * @throws UnavailableError, also where the user may not read the key
 */
export async function readMarker(
  config: RedisConfig,
  names: FeastNames,
  logger: Logger,
): Promise<string | undefined> {
  return withConnection(config, logger, async (connection) => {
    const reply = await connection.evaluate(readScript, [Buffer.from(ownerKey(names))], []);
    return Buffer.isBuffer(reply) ? reply.toString() : undefined;
  });
}

async function withConnection<T>(
  config: RedisConfig,
  logger: Logger,
  use: (connection: RedisConnection) => Promise<T>,
): Promise<T> {
  const connection = openRedisConnection(config, logger);
  try {
    return await use(connection);
  } finally {
    connection.close();
  }
}

/**
 * Claims the store for `pipeline` where no other holds it, or in any case with `take-over`.
 * @throws ConfigError naming the owner and the cure where another holds it; UnavailableError
 */
export async function claimStore(
  connection: Pick<RedisConnection, 'evaluate'>,
  claim: Claim,
): Promise<void> {
  const { names, pipeline, whenOther } = claim;
  const key = ownerKey(names);
  const ours = markerOf(pipeline);
  const reply = await connection.evaluate(claimScript, [Buffer.from(key)], [ours, whenOther]);
  assert(Buffer.isBuffer(reply), 'the claim script answers with one string');
  const owner = reply.toString();
  if (owner === ours) return;
  const { project } = names;
  throw new ConfigError(
    `the features of project ${project} in Redis are written by ${owner}, not by ${ours}: ${ownerCure}`,
    { key },
  );
}

/**
 * Returns a function that resolves while `pipeline` may write, and rejects as `claimStore` does. It
 * asks Redis again after a second or a lost connection: a Redis that was emptied, or replaced by
 * another, may have another owner. Without a pipeline everyone may write.
 */
export function writeGuard(
  connection: Pick<RedisConnection, 'evaluate' | 'interruptions'>,
  { names, pipeline }: { readonly names: FeastNames; readonly pipeline: Pipeline | undefined },
  monotonicMs: () => number = systemClock.monotonicMs,
): () => Promise<void> {
  if (pipeline === undefined) return () => Promise.resolve();
  let confirmed = { atMs: -Infinity, interruptions: 0 };
  let asking: Promise<void> | undefined;
  const ask = async (): Promise<void> => {
    const now = { atMs: monotonicMs(), interruptions: connection.interruptions() };
    try {
      await claimStore(connection, { names, pipeline, whenOther: 'refuse' });
      confirmed = now;
    } finally {
      asking = undefined;
    }
  };
  return async () => {
    const isRecent = monotonicMs() - confirmed.atMs < confirmedMsMax;
    if (isRecent && confirmed.interruptions === connection.interruptions()) return;
    await (asking ??= ask());
  };
}
