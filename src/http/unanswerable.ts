// Failures behind a request that the client is told of: 503 with the reason. Any other is a bug,
// whose message is for the log alone.
import { isSensoriumError, type AnySensoriumError } from '../errors.ts';

/** Returns the error if the client may know it; undefined for a bug. */
export function toldToClients(error: unknown): AnySensoriumError | undefined {
  return isSensoriumError(error) && error.directive !== 'crash' ? error : undefined;
}
