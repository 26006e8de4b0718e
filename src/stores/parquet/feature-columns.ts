// The columns of a Parquet file of feature rows: first those that Feast's offline store needs for
// point-in-time joins, then the features with their declared types.
//
//   sensor_id        STRING               the entity
//   event_timestamp  TIMESTAMP(ms, UTC)   the window's end
//   created          TIMESTAMP(ms, UTC)   when the row was committed
//   available_at     TIMESTAMP(ms, UTC)   from when on it counts as readable (ADR 19)
//   window_start     TIMESTAMP(ms, UTC)
//   <feature>        DOUBLE or INT64      null if the row lacks it
//   lineage_*                             on request: the input of the window
import type { HistoryEntry } from '../history-store.ts';
import {
  featureElement,
  textElement,
  timestampElement,
  type DeclaredFeature,
  type SchemaElement,
} from './elements.ts';

export interface FeatureColumn {
  readonly element: SchemaElement;
  cell(committed: HistoryEntry): string | number | bigint | undefined;
}

/** Returns the columns in the order of the file. */
export function featureColumns(
  features: readonly DeclaredFeature[],
  lineage: 'with lineage' | 'without lineage',
): readonly FeatureColumn[] {
  return [
    { element: textElement('sensor_id'), cell: ({ row }) => row.sensor_id },
    { element: timestampElement('event_timestamp'), cell: ({ row }) => BigInt(row.window_end) },
    { element: timestampElement('created'), cell: ({ createdMs }) => BigInt(createdMs) },
    {
      element: timestampElement('available_at'),
      cell: ({ availableMs }) => BigInt(availableMs),
    },
    { element: timestampElement('window_start'), cell: ({ row }) => BigInt(row.window_start) },
    ...features.map(featureColumn),
    ...(lineage === 'with lineage' ? lineageColumns : []),
  ];
}

function featureColumn(feature: DeclaredFeature): FeatureColumn {
  const { name, type } = feature;
  const value = (committed: HistoryEntry): number | undefined => committed.row.features[name];
  const element = featureElement(feature);
  if (type === 'Float64') return { element, cell: value };
  return {
    element,
    cell: (committed) => {
      const whole = value(committed);
      return whole === undefined ? undefined : BigInt(whole);
    },
  };
}

const lineageColumns: readonly FeatureColumn[] = [
  { element: textElement('lineage_topic'), cell: ({ row }) => row.lineage.topic },
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
