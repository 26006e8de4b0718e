// The semantics fingerprint: everything that changes results, as readable text and a short hash.
// Committed metadata and snapshots carry it, so that a state is never continued under settings,
// code or an engine that would not have made it.
import { selectFeatures } from './features.ts';
import { canonicalDeclaration } from './input-declaration.ts';
import { mathSelfTest } from './math-self-test.ts';
import { paneLayout } from './pane-layout.ts';
import type { Semantics } from './semantics.ts';

/** Raise when the fold itself gives other results for the same settings and log. */
export const foldRevision = 2;

export interface SemanticsFingerprint {
  /** 16 hex digits of `text`. */
  readonly hash: string;
  /** `NAME=value` pairs joined by single spaces, the names as in the environment. */
  readonly text: string;
}

const math = mathSelfTest();

/**
 * Returns the fingerprint of `semantics`, of this fold's revision and of the engine's mathematics.
 */
export function semanticsFingerprint(semantics: Semantics): SemanticsFingerprint {
  const text = [
    `FOLD=${foldRevision}`,
    `MATH=${math}`,
    `WINDOW_MS=${semantics.windowMs}`,
    `WATERMARK_DELAY_MS=${semantics.watermarkDelayMs}`,
    `MAX_AHEAD_MS=${semantics.maxAheadMs}`,
    `BASELINE=${semantics.baseline}`,
    `BASELINE_HALF_LIFE=${semantics.baselineHalfLife}`,
    `ANOMALY_THRESHOLD=${semantics.anomalyThreshold}`,
    `ANOMALY_WARMUP=${semantics.anomalyWarmup}`,
    `ALARM_REST=${semantics.alarmRest}`,
    `SENSORS_MAX=${semantics.sensorsMax}`,
    `INPUT_KEYING=${semantics.inputKeying}`,
    `FEATURES=${semantics.features.join(',')}`,
    ...fastClocks(semantics),
    ...extraColumns(semantics.features),
    ...largerWindows(semantics),
    ...inputSchema(semantics),
    ...sensorTtl(semantics),
    ...presence(semantics),
    ...alarms(semantics),
  ].join(' ');
  return { hash: hashText(text), text };
}

/** The base columns belong to the snapshot's version; what opt-in features add is named here. */
function extraColumns(features: readonly string[]): readonly string[] {
  const { extras } = paneLayout(selectFeatures(features));
  if (extras.length === 0) return [];
  const names = extras.map(({ accumulator: { name, columns } }) => `${name}(${columns.join(',')})`);
  return [`COLUMNS=${names.join(',')}`];
}

/** Left out where fast clocks lead, as all did before there was a choice. */
function fastClocks({ fastClocks: rule }: Semantics): readonly string[] {
  return rule === 'lead' ? [] : [`FAST_CLOCKS=${rule}`];
}

/** Left out where none are declared, as before there were any. */
function largerWindows({ windows }: Semantics): readonly string[] {
  return windows.length === 0 ? [] : [`WINDOWS=${windows.map(({ name }) => name).join(',')}`];
}

/** Left out where no sensor is forgotten, as none was before there was a choice. */
function sensorTtl({ sensorTtlMs }: Semantics): readonly string[] {
  return sensorTtlMs === Infinity ? [] : [`SENSOR_TTL=${sensorTtlMs}ms`];
}

/** Left out where nobody asks for it, as before there was any. */
function presence({ silentAfterMs, stuckAfter }: Semantics): readonly string[] {
  const silentAfter = silentAfterMs === 'auto' ? silentAfterMs : `${silentAfterMs}ms`;
  return [
    ...(silentAfterMs === Infinity ? [] : [`SILENT_AFTER=${silentAfter}`]),
    ...(stuckAfter === Infinity ? [] : [`STUCK_AFTER=${stuckAfter}`]),
  ];
}

/** Left out where alarms have no life, as before there was any. */
function alarms({ alarmResolveAfterMs }: Semantics): readonly string[] {
  if (alarmResolveAfterMs === Infinity) return [];
  return [`ALARM_RESOLVE_AFTER=${alarmResolveAfterMs}ms`];
}

// The text is part of every commit's metadata, which Kafka bounds.
const declarationCharactersMax = 1_000;

/** Left out without a declaration, as before there was any. Spaces would end the setting. */
function inputSchema({ input }: Semantics): readonly string[] {
  if (input === undefined) return [];
  const text = canonicalDeclaration(input).replace(/[%\s]/gu, encodeURIComponent);
  if (text.length <= declarationCharactersMax) return [`INPUT_SCHEMA=${text}`];
  return [`INPUT_SCHEMA=${text.slice(0, declarationCharactersMax / 2)}…${hashText(text)}`];
}

/** Says which columns FEATURES needs, at length: a change of both is told by FEATURES. */
const columnsSetting = 'COLUMNS';

/**
 * Returns what differs between two fingerprints' texts, one `NAME: stored A, configured B` a
 * difference.
 */
export function fingerprintDifferences(stored: string, configured: string): readonly string[] {
  const before = fingerprintSettings(stored);
  const now = fingerprintSettings(configured);
  return differingSettings(before, now).map((name) => {
    const unset = 'nothing';
    return `${name}: stored ${before.get(name) ?? unset}, configured ${now.get(name) ?? unset}`;
  });
}

/** Returns the names of the settings that differ; FEATURES stands for its columns. */
export function differingSettings(
  before: ReadonlyMap<string, string>,
  now: ReadonlyMap<string, string>,
): readonly string[] {
  const differs = (name: string): boolean => before.get(name) !== now.get(name);
  return [...new Set([...before.keys(), ...now.keys()])].filter(
    (name) => differs(name) && !(name === columnsSetting && differs('FEATURES')),
  );
}

/** Returns the settings that a fingerprint names, by name. */
export function fingerprintSettings(text: string): Map<string, string> {
  return new Map(
    text.split(' ').map((setting): [string, string] => {
      const separator = setting.indexOf('=');
      return [setting.slice(0, separator), setting.slice(separator + 1)];
    }),
  );
}

/**
 * Two FNV-1a hashes with different starts: short, and collisions only matter between settings
 * someone really used.
 */
function hashText(text: string): string {
  return [0x811c9dc5, 0x01234567]
    .map((start) => {
      let hash = start;
      for (let at = 0; at < text.length; at += 1) {
        hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
      }
      return (hash >>> 0).toString(16).padStart(8, '0');
    })
    .join('');
}
