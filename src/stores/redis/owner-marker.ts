// The marker key that names the pipeline whose rows a Redis holds. Two pipelines that share a
// Feast project would overwrite each other's sensors silently, each with its own newest window.
//
//   sensorium:owner:<join key>:<project>  →  GROUP_ID <name>, OUTPUT_TOPIC <name>
//
// Feast's deletions look for keys that begin with the bytes of a join key, so they leave it alone.
import type { FeastNames } from '../../codecs/feast.ts';

/** The names that tell pipelines apart: all processes of one group agree in both. */
export interface Pipeline {
  readonly groupId: string;
  readonly outputTopic: string;
}

/** Returns the key of the marker; one for each Feast project and join key of a database. */
export function ownerKey({ joinKey, project }: FeastNames): string {
  return `sensorium:owner:${joinKey}:${project}`;
}

/** Returns the marker of a pipeline; no two have the same, as their names hold no spaces. */
export function markerOf({ groupId, outputTopic }: Pipeline): string {
  return `GROUP_ID ${groupId}, OUTPUT_TOPIC ${outputTopic}`;
}

/** Tells an operator how to go on where another pipeline owns the store. */
export const ownerCure =
  'give this pipeline a FEAST_PROJECT or a Redis database of its own; if it replaces the other, ' +
  'start it once with ONLINE_OTHER_WRITER=take-over; if both write different sensors on purpose, ' +
  'set ONLINE_OTHER_WRITER=share on both';
