// A command that folds the past needs the schemas that its owner had. It does not wait for a
// registry for ever, as an owner does, and it journals nothing.
import type { BatchFolder } from '../actors/batch-folder.ts';
import { UnavailableError } from '../errors.ts';
import type { PastContext } from './past-context.ts';

const failuresMax = 4;

/**
 * Loads the schema that the folder paused for. Returns whether the registry has it.
 * @throws UnavailableError if the registry does not answer.
 */
export async function loadSchema(
  { schemas }: Pick<PastContext, 'schemas'>,
  schemaId: number,
): Promise<boolean> {
  if (schemas === undefined) return false;
  const giveUp = new AbortController();
  let failures = 0;
  const onFailed = (error: UnavailableError): void => {
    failures += 1;
    if (failures === failuresMax) giveUp.abort(error);
  };
  return (await schemas.load(schemaId, { signal: giveUp.signal, onFailed })) === 'loaded';
}

/** Loads the schema of records that the group has folded. @throws UnavailableError without it */
export async function loadKnownSchema(
  context: Pick<PastContext, 'schemas'>,
  { missingSchema }: BatchFolder,
): Promise<void> {
  if (missingSchema === undefined || (await loadSchema(context, missingSchema))) return;
  throw new UnavailableError(
    `the registry has no schema ${missingSchema}, with which the group has read records: ` +
      'is SCHEMA_REGISTRY_URL the one it ran with?',
  );
}
