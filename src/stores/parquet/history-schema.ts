// The one schema of a history folder, and what a change of FEATURES means for it: fewer features
// leave their columns null, more of them need every day rewritten, other types another folder.
import { ConfigError } from '../../errors.ts';
import type { DeclaredFeature } from './elements.ts';

export interface SchemaChange {
  readonly features: readonly DeclaredFeature[];
  /** Names that the folder's files lack. */
  readonly added: readonly string[];
}

/** Returns the folder's features with those of FEATURES that it lacks at the end. */
export function mergedSchema(
  folder: string,
  kept: readonly DeclaredFeature[],
  wanted: readonly DeclaredFeature[],
): SchemaChange {
  const byName = new Map(kept.map((feature) => [feature.name, feature]));
  for (const { name, type } of wanted) {
    const was = byName.get(name);
    if (was === undefined || was.type === type) continue;
    throw new ConfigError(
      `${folder} has ${name} as ${was.type}, FEATURES as ${type}: export into another folder`,
    );
  }
  const added = wanted.filter(({ name }) => !byName.has(name));
  return { features: [...kept, ...added], added: added.map(({ name }) => name) };
}

/** Throws where days must be rewritten first and nobody asked for it. */
export function assertMigrated(folder: string, { added }: SchemaChange, days: number): void {
  if (added.length === 0 || days === 0) return;
  throw new ConfigError(
    `${folder} has no column ${added.join(', ')}: \`export --migrate\` rewrites its ${days} ` +
      'day files, with null where rows were without',
    { folder },
  );
}
