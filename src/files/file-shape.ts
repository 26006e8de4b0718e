// Where the readings are in the rows of a file: as INPUT_SCHEMA declares it, or in the columns
// timestamp, value and sensor_id, each of which an option may name.
import { ConfigError } from '../errors.ts';
import {
  parsePath,
  type FieldPath,
  type InputDeclaration,
  type Measurements,
  type TimeUnit,
  type ValueType,
} from '../sensors/input-declaration.ts';
import { createLocalClock, type LocalClock } from './local-clock.ts';

export interface FileOptions {
  /** Column of the value; by default that of the declaration, or `value`. */
  readonly column?: string | undefined;
  readonly timeColumn?: string | undefined;
  readonly sensorColumn?: string | undefined;
  /** Sensor id of rows without one; by default the name of the file without its endings. */
  readonly sensorId?: string | undefined;
  /** By default whole numbers are ms, and all else is ISO 8601. */
  readonly timeUnit?: TimeUnit | undefined;
  /** Zone of times that name none: an offset, or an IANA name. Default UTC. */
  readonly timeZone?: string | undefined;
  /** By default the one that the first line has most of. */
  readonly separator?: string | undefined;
  readonly decimal?: 'point' | 'comma' | undefined;
  /** Files of numbered readings: the time of reading 1, and between two readings, ms. */
  readonly moteStartMs?: number | undefined;
  readonly moteIntervalMs?: number | undefined;
  /** Receives what is worth a look but no refusal, for people. */
  readonly onNote?: (note: string) => void;
}

export interface FileShape {
  /** Empty where all rows are of `idDefault`. */
  readonly idFields: readonly FieldPath[];
  /** For rows without an id; undefined where such rows are refused. */
  readonly idDefault: string | undefined;
  readonly time: FieldPath;
  readonly timeUnit: TimeUnit | 'any';
  readonly zone: LocalClock;
  readonly measurements: Measurements;
  readonly valueTypes: readonly ValueType[];
  readonly decimal: 'point' | 'comma';
  /** Columns may lie in the order timestamp, value, sensor_id without a header. */
  readonly mayLackHeader: boolean;
  /** Rows are lists of cells, each of them a text. */
  readonly isTable: boolean;
}

/** The columns of a file whose readings nobody has declared. */
export const defaultColumns = { time: 'timestamp', value: 'value', sensor: 'sensor_id' } as const;

/**
 * Returns where the readings are. @throws ConfigError if options or declaration say what no file
 * has.
 */
export function fileShape(
  declaration: InputDeclaration | undefined,
  options: FileOptions,
  fileName: string,
): FileShape {
  const declaredId = declaration === undefined || declaration.id === 'key' ? [] : declaration.id;
  const isIdDeclared = options.sensorColumn !== undefined || declaredId.length > 0;
  return {
    idFields: idFields(declaration, declaredId, options),
    idDefault:
      declaration !== undefined && isIdDeclared ? options.sensorId : (options.sensorId ?? fileName),
    time: timeField(declaration, options),
    timeUnit: options.timeUnit ?? declaration?.timeUnit ?? 'any',
    zone: createLocalClock(options.timeZone ?? zoneOfDeclaration(declaration)),
    measurements:
      options.column === undefined
        ? (declaration?.measurements ?? { kind: 'one', field: [defaultColumns.value] })
        : { kind: 'one', field: columnPath(options.column) },
    valueTypes: declaration?.valueTypes ?? ['number', 'text'],
    decimal: options.decimal ?? 'point',
    mayLackHeader: declaration === undefined,
    isTable: false,
  };
}

function idFields(
  declaration: InputDeclaration | undefined,
  declaredId: readonly FieldPath[],
  { sensorColumn }: FileOptions,
): readonly FieldPath[] {
  if (sensorColumn !== undefined) return [columnPath(sensorColumn)];
  return declaration === undefined ? [[defaultColumns.sensor]] : declaredId;
}

function timeField(
  declaration: InputDeclaration | undefined,
  { timeColumn }: FileOptions,
): FieldPath {
  if (timeColumn !== undefined) return columnPath(timeColumn);
  if (declaration === undefined) return [defaultColumns.time];
  if (declaration.time !== 'record') return declaration.time;
  throw new ConfigError(
    'INPUT_SCHEMA takes the time from the record, which a row of a file has not; ' +
      'name its column with --time-column',
  );
}

function zoneOfDeclaration(declaration: InputDeclaration | undefined): string {
  const minutes = declaration?.timeZoneMinutes ?? 0;
  const two = (number: number): string => String(number).padStart(2, '0');
  const ahead = Math.abs(minutes);
  return `${minutes < 0 ? '-' : '+'}${two(Math.floor(ahead / 60))}:${two(ahead % 60)}`;
}

/** A column may have any name; one that is no path is one step. */
function columnPath(name: string): FieldPath {
  return parsePath(name) ?? [name];
}
