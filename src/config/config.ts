// The program's configuration: one frozen value with every default filled in. `parseConfig` reads
// it from the environment and reports every problem at once. Two groups: semantics (changes
// results, fingerprinted) and process (may differ between processes).
import { availableParallelism } from 'node:os';

import { readInputSchema } from './input-schema.ts';
import { withSecretFiles } from './secret-files.ts';
import { fillDefaults, type FilledValues, type Machine } from './defaults.ts';
import { kafkaOf, type KafkaConfig } from './kafka-config.ts';
import { redisOf, type RedisConfig } from './redis-config.ts';
import { relationProblems } from './relations.ts';
import {
  processSettings,
  semanticsSettings,
  settingNames,
  settings,
  type SettingName,
  type SettingValues,
} from './settings.ts';
import { ConfigError } from '../errors.ts';
import type { InputDeclaration } from '../sensors/input-declaration.ts';
import type { Semantics } from '../sensors/semantics.ts';

export interface RegistryConfig {
  readonly url: string;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly token: string | undefined;
  /** Path of a PEM file or PEM text, read by the client. */
  readonly ca: string | undefined;
}

/** WINDOW_MS → windowMs. */
type CamelCase<Name extends string> = Name extends `${infer First}_${infer Rest}`
  ? `${Lowercase<First>}${Capitalize<CamelCase<Rest>>}`
  : Lowercase<Name>;

/**
 * A field for each process setting, named after it in camel case; its meaning is in the table of
 * settings.
 */
export type ProcessConfig = {
  readonly [K in keyof typeof processSettings as CamelCase<K>]: FilledValues[K];
} & {
  /** Undefined for the embedded log in dataDir. */
  readonly kafka: KafkaConfig | undefined;
  /** Undefined for the embedded feature store in dataDir. */
  readonly redis: RedisConfig | undefined;
  /** Undefined where no record names a schema. */
  readonly registry: RegistryConfig | undefined;
  /** Ids of the registered schemas of outputs, by topic; `run` adds them as it starts. */
  readonly outputSchemaIds?: Readonly<Record<string, number>>;
};

export interface Config {
  readonly semantics: Semantics;
  readonly process: ProcessConfig;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Returns the configuration in `env`, frozen. An empty variable counts as unset.
 * @param machine its cores bound the default of WORKERS.
 * @throws ConfigError listing every problem: the name, the value (unless secret) and the allowed
 * values.
 */
export function parseConfig(
  env: Environment,
  machine: Machine = { cores: availableParallelism() },
): Config {
  const given = withSecretFiles(env, machine.readText);
  const { values, problems, wrong } = readValues(given.env);
  problems.push(...given.problems);
  // Relations are checked only between valid values, so that one mistake gives one line.
  problems.push(...relationProblems(values, wrong));
  const input = readInputSchema(values.INPUT_SCHEMA, machine.readText);
  problems.push(...input.problems);
  if (input.declaration?.format === 'registry' && values.SCHEMA_REGISTRY_URL === undefined) {
    problems.push('INPUT_SCHEMA has the format registry; set SCHEMA_REGISTRY_URL as well');
  }
  if (problems.length > 0) throw configError(problems);
  const filled = fillDefaults(values, machine);
  return deepFreeze({
    semantics: semanticsOf(filled, input.declaration),
    process: {
      ...inCamelCase(filled, processSettings),
      kafka: kafkaOf(values),
      redis: redisOf(values),
      registry: registryOf(values),
    },
  });
}

/** Returns the text of a setting, trimmed unless secret; undefined if it is unset or empty. */
export function settingText(env: Environment, name: SettingName): string | undefined {
  const raw = env[name];
  const text = settings[name].secret ? raw : raw?.trim();
  return text === '' ? undefined : text;
}

interface ReadValues {
  readonly values: SettingValues;
  readonly problems: string[];
  /** The settings with a problem; their value is the unset one. */
  readonly wrong: ReadonlySet<SettingName>;
}

function readValues(env: Environment): ReadValues {
  const values: Partial<Writable<SettingValues>> = {};
  const problems: string[] = [];
  const wrong = new Set<SettingName>();
  const read = <K extends SettingName>(name: K): void => {
    const setting = settings[name];
    values[name] = setting.unset;
    const text = settingText(env, name);
    if (text === undefined) return;
    const parsed = setting.schema.safeParse(text);
    if (parsed.success) {
      values[name] = parsed.data;
    } else {
      problems.push(problem(name, text));
      wrong.add(name);
    }
  };
  settingNames.forEach(read);
  // Every name was read.
  return { values: values as SettingValues, problems, wrong };
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

function problem(name: SettingName, text: string): string {
  const { secret, expected } = settings[name];
  return `${name} is ${secret ? 'set to something else (not shown)' : quote(text)}; allowed: ${expected}`;
}

// JSON makes tabs and line ends visible; a pasted file must not fill the screen. Credentials of a
// URL in the wrong variable stay hidden.
function quote(text: string): string {
  const shown = text.replace(/^(.*?:\/\/)?.*@/s, '$1***@');
  return JSON.stringify(shown.length > 80 ? `${shown.slice(0, 80)}…` : shown);
}

function configError(problems: readonly string[]): ConfigError {
  const [first = ''] = problems;
  const message =
    problems.length === 1
      ? first
      : `${problems.length} settings are wrong:${problems.map((line) => `\n  ${line}`).join('')}`;
  return new ConfigError(message, { problems: problems.length });
}

function semanticsOf(values: FilledValues, input: InputDeclaration | undefined): Semantics {
  // The units of these times are in their text, and here in their names.
  const {
    inputSchema: _,
    sensorTtl: sensorTtlMs,
    silentAfter: silentAfterMs,
    alarmResolveAfter: alarmResolveAfterMs,
    ...semantics
  } = inCamelCase(values, semanticsSettings);
  const declared = input === undefined ? {} : { input };
  const times = { sensorTtlMs, silentAfterMs, alarmResolveAfterMs };
  return structuredClone({ ...semantics, ...times, ...declared });
}

/** Returns the values of the settings in `table`, named in camel case. */
function inCamelCase<Table extends Partial<Record<SettingName, unknown>>>(
  values: FilledValues,
  table: Table,
): { readonly [K in keyof Table & SettingName as CamelCase<K>]: FilledValues[K] } {
  const named = Object.keys(table).map((name) => [
    name.toLowerCase().replace(/_(.)/g, (_, letter: string) => letter.toUpperCase()),
    values[name as SettingName],
  ]);
  // The same names, by the rule that CamelCase states for the compiler.
  return Object.fromEntries(named) as never;
}

function registryOf(values: SettingValues): RegistryConfig | undefined {
  const { SCHEMA_REGISTRY_URL: address } = values;
  if (address === undefined) return undefined;
  return {
    url: address,
    username: values.SCHEMA_REGISTRY_USERNAME,
    password: values.SCHEMA_REGISTRY_PASSWORD,
    token: values.SCHEMA_REGISTRY_TOKEN,
    ca: values.SCHEMA_REGISTRY_CA,
  };
}

function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) {
    if (typeof inner === 'object' && inner !== null) deepFreeze(inner);
  }
  return Object.freeze(value);
}
