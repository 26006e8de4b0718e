// The types of columns in files of feature rows, as Parquet's schema states them.
import type { ParquetWriteOptions } from 'hyparquet-writer';

import type { FeatureDeclaration } from '../../sensors/features.ts';

export type SchemaElement = NonNullable<ParquetWriteOptions['schema']>[number];

export type DeclaredFeature = Pick<FeatureDeclaration, 'name' | 'type' | 'unit' | 'description'>;

/** Returns a column of text without nulls. */
export function textElement(name: string): SchemaElement {
  return { name, type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'REQUIRED' };
}

/**
 * Returns a column of times. Feast accepts only a timestamp type as a time, not a plain integer.
 */
export function timestampElement(name: string): SchemaElement {
  return {
    name,
    type: 'INT64',
    converted_type: 'TIMESTAMP_MILLIS',
    logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MILLIS' },
    repetition_type: 'REQUIRED',
  };
}

/** Returns a feature's column; null where a row lacks the feature. */
export function featureElement({ name, type }: DeclaredFeature): SchemaElement {
  const physical = type === 'Int64' ? 'INT64' : 'DOUBLE';
  return { name, type: physical, repetition_type: 'OPTIONAL' };
}

/** Returns the declarations as JSON for the file's metadata: Parquet columns have no units. */
export function declarationsJson(features: readonly DeclaredFeature[]): string {
  return JSON.stringify(
    features.map(({ name, type, unit, description }) => ({ name, type, unit, description })),
  );
}
