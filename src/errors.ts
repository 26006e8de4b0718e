// Errors are named for what their owner must do. Supervisors switch on `directive`, never on
// message text. Errors cross threads as plain data (`errorToData`) and are rebuilt by `code`
// (`errorFromData`).

export const directives = ['stop', 'dead-letter', 'retry', 'release', 'rebuild', 'crash'] as const;

export type Directive = (typeof directives)[number];

export interface ErrorDetails {
  readonly [name: string]: string | number | boolean | null | undefined;
}

export interface ErrorData {
  readonly code: string;
  readonly message: string;
  readonly details: ErrorDetails;
  readonly stack?: string;
}

abstract class SensoriumError extends Error {
  abstract readonly code: string;
  abstract readonly directive: Directive;
  readonly details: ErrorDetails;

  constructor(message: string, details: ErrorDetails = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.details = details;
  }
}

/** The configuration, or something it refers to, is wrong: stop and name what to change. */
export class ConfigError extends SensoriumError {
  override readonly name = 'ConfigError';
  readonly code = 'CONFIG';
  readonly directive = 'stop';
}

/** One record cannot be read: dead-letter it and go on. */
export class DecodeError extends SensoriumError {
  override readonly name = 'DecodeError';
  readonly code = 'DECODE';
  readonly directive = 'dead-letter';
}

/**
 * A peer did not answer, or the outcome is unknown: drop what depends on it, retry with backoff.
 */
export class UnavailableError extends SensoriumError {
  override readonly name = 'UnavailableError';
  readonly code = 'UNAVAILABLE';
  readonly directive = 'retry';
}

/** Another owner has taken over: release the partition and write nothing more. */
export class FencedError extends SensoriumError {
  override readonly name = 'FencedError';
  readonly code = 'FENCED';
  readonly directive = 'release';
}

/** A stored snapshot cannot be trusted: rebuild from an older one or from the log. */
export class CorruptSnapshotError extends SensoriumError {
  override readonly name = 'CorruptSnapshotError';
  readonly code = 'CORRUPT_SNAPSHOT';
  readonly directive = 'rebuild';
}

/**
 * Folding a record threw, so memory may be inconsistent: rebuild it up to that record, then
 * quarantine the record's sensor.
 */
export class FoldError extends SensoriumError {
  override readonly name = 'FoldError';
  readonly code = 'FOLD';
  readonly directive = 'rebuild';
}

/** The program broke its own invariant: crash the worker and keep the evidence. */
export class InvariantError extends SensoriumError {
  override readonly name = 'InvariantError';
  readonly code = 'INVARIANT';
  readonly directive = 'crash';
}

export type AnySensoriumError =
  | ConfigError
  | DecodeError
  | UnavailableError
  | FencedError
  | CorruptSnapshotError
  | FoldError
  | InvariantError;

const classes = {
  CONFIG: ConfigError,
  DECODE: DecodeError,
  UNAVAILABLE: UnavailableError,
  FENCED: FencedError,
  CORRUPT_SNAPSHOT: CorruptSnapshotError,
  FOLD: FoldError,
  INVARIANT: InvariantError,
} as const;

/** Returns whether `error` is one of our classes. */
export function isSensoriumError(error: unknown): error is AnySensoriumError {
  return error instanceof SensoriumError;
}

/** Returns plain data for `error`; an error of any other class becomes an InvariantError. */
export function errorToData(error: unknown): ErrorData {
  const stack = error instanceof Error && error.stack !== undefined ? { stack: error.stack } : {};
  if (isSensoriumError(error)) {
    return { code: error.code, message: error.message, details: error.details, ...stack };
  }
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return { code: 'INVARIANT', message, details: {}, ...stack };
}

/** Returns the error in `data` as its own class; an unknown code becomes InvariantError. */
export function errorFromData(data: ErrorData): AnySensoriumError {
  const rebuilt = new (classes[data.code as keyof typeof classes] ?? InvariantError)(
    data.message,
    data.details,
  );
  if (data.stack !== undefined) rebuilt.stack = data.stack;
  return rebuilt;
}

/**
 * Throws InvariantError with `message` and `details` unless `condition` holds, even in production.
 */
export function assert(
  condition: boolean,
  message: string,
  details: ErrorDetails = {},
): asserts condition {
  if (!condition) throw new InvariantError(message, details);
}
