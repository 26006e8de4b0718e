// The columns of a Parquet file of feature rows, made from the features' declarations: what Feast's offline store needs
// to join them at a point in time, then the features with their declared types.
//
//   sensor_id        STRING               the entity
//   event_timestamp  TIMESTAMP(ms, UTC)   the window's end
//   created          TIMESTAMP(ms, UTC)   when the row was committed
//   window_start     TIMESTAMP(ms, UTC)
//   <feature>        DOUBLE or INT64      null where the row has none
//   lineage_*                             on demand: the input the window was folded from
import type { ParquetWriteOptions } from 'hyparquet-writer';

import type { FeatureRow } from '../../codecs/feature-row.ts';
import type { FeatureDeclaration } from '../../sensors/features.ts';

type SchemaElement = NonNullable<ParquetWriteOptions['schema']>[number];

/** A feature row and the time of its commit, ms since 1970. */
export interface CommittedRow {
  readonly row: FeatureRow;
  readonly createdMs: number;
}

export interface FeatureColumn {
  readonly element: SchemaElement;
  cell(committed: CommittedRow): string | number | bigint | undefined;
}

export type DeclaredFeature = Pick<FeatureDeclaration, 'name' | 'type' | 'unit' | 'description'>;

/** Returns the columns in the file's order. */
export function featureColumns(
  features: readonly DeclaredFeature[],
  lineage: 'with lineage' | 'without lineage',
): readonly FeatureColumn[] {
  return [
    { element: text('sensor_id'), cell: ({ row }) => row.sensor_id },
    { element: timestamp('event_timestamp'), cell: ({ row }) => BigInt(row.window_end) },
    { element: timestamp('created'), cell: ({ createdMs }) => BigInt(createdMs) },
    { element: timestamp('window_start'), cell: ({ row }) => BigInt(row.window_start) },
    ...features.map(featureColumn),
    ...(lineage === 'with lineage' ? lineageColumns : []),
  ];
}

function featureColumn({ name, type }: DeclaredFeature): FeatureColumn {
  const value = (committed: CommittedRow): number | undefined => committed.row.features[name];
  if (type === 'Float64') {
    return { element: { name, type: 'DOUBLE', repetition_type: 'OPTIONAL' }, cell: value };
  }
  return {
    element: { name, type: 'INT64', repetition_type: 'OPTIONAL' },
    cell: (committed) => {
      const whole = value(committed);
      return whole === undefined ? undefined : BigInt(whole);
    },
  };
}

const lineageColumns: readonly FeatureColumn[] = [
  { element: text('lineage_topic'), cell: ({ row }) => row.lineage.topic },
  {
    element: { name: 'lineage_partition', type: 'INT32', repetition_type: 'REQUIRED' },
    cell: ({ row }) => row.lineage.partition,
  },
  {
    element: { name: 'lineage_first_offset', type: 'INT64', repetition_type: 'REQUIRED' },
    cell: ({ row }) => BigInt(row.lineage.first_offset),
  },
  {
    element: { name: 'lineage_last_offset', type: 'INT64', repetition_type: 'REQUIRED' },
    cell: ({ row }) => BigInt(row.lineage.last_offset),
  },
];

function text(name: string): SchemaElement {
  return { name, type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'REQUIRED' };
}

/** Feast reads no plain integer as a time: it must be a timestamp by its type. */
function timestamp(name: string): SchemaElement {
  return {
    name,
    type: 'INT64',
    converted_type: 'TIMESTAMP_MILLIS',
    logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MILLIS' },
    repetition_type: 'REQUIRED',
  };
}
