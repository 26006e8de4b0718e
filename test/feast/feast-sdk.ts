// The real Feast SDK in a process of its own, over a copy of feature_repo that points at the tests'
// Redis.
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { feastView } from '../../src/codecs/feast.ts';

export interface FeastFeatures {
  readonly eventTimeMs: number;
  /** Doubles bit for bit; an Int64 as a bigint; null where Feast says None. */
  readonly values: Readonly<Record<string, number | bigint | null>>;
}

export interface FeastSdk {
  /** Output of `feast apply`. */
  readonly applied: string;
  /** `feast apply` again, in the same registry, with WINDOWS as given. Returns its output. */
  applyAgain(windows: string): string;
  /** `get_online_features` of all features of `view`, one entry per id in order. */
  read(sensorIds: readonly string[], view?: string): Promise<readonly FeastFeatures[]>;
  /** `write_to_online_store`. */
  write(
    rows: readonly {
      readonly sensor_id: string;
      readonly event_time_ms: number;
      readonly features: Readonly<Record<string, number>>;
    }[],
  ): Promise<void>;
  /** Where this copy of the repository looks for the history of features. */
  readonly historyFolder: string;
  /**
   * `get_historical_features` of all features of `view`, one entry per sensor and moment, in order;
   * with `available`, of rows that could be read at the moment.
   */
  join(
    entities: readonly { readonly sensor_id: string; readonly event_time_ms: number }[],
    view?: string,
    at?: 'available' | 'event',
  ): Promise<readonly FeastFeatures['values'][]>;
  /** Types of the columns by name, as pyarrow reads them. */
  parquet(path: string): Promise<{
    readonly rows: number;
    readonly columns: Readonly<Record<string, string>>;
  }>;
  close(): void;
}

interface ValuesAnswer {
  readonly values: Readonly<Record<string, readonly (string | { readonly int: string } | null)[]>>;
}

interface ReadAnswer extends ValuesAnswer {
  readonly event_timestamps_ms: readonly number[];
}

/**
 * Applies a copy of `from` and opens the SDK on it. `python` is a Python that imports feast[redis];
 * `features` are what FEATURES says, where it says anything; `windows` likewise.
 */
export async function openFeastSdk(
  python: string,
  redisUrl: string,
  {
    from = fileURLToPath(new URL('../../feature_repo', import.meta.url)),
    features = '',
    windows = '',
    project = 'sensor_features',
    joinKey = '',
  }: {
    readonly from?: string;
    readonly features?: string;
    readonly windows?: string;
    readonly project?: string;
    readonly joinKey?: string;
  } = {},
): Promise<FeastSdk> {
  const repo = mkdtempSync(join(tmpdir(), 'sensorium-feast-'));
  cpSync(from, repo, {
    recursive: true,
    filter: (path) => !path.includes('/feature_repo/data'),
  });
  const yaml = join(repo, 'feature_store.yaml');
  const settings = readFileSync(yaml, 'utf8');
  const { host, pathname } = new URL(redisUrl);
  const address = pathname.length > 1 ? `${host},db=${pathname.slice(1)}` : host;
  writeFileSync(
    yaml,
    settings
      .replace(/connection_string: .*/, `connection_string: ${address}`)
      .replace(/^project: .*/m, `project: ${project}`),
  );
  const apply = (itsWindows: string): string => {
    const { status, stderr, stdout } = spawnSync(join(dirname(python), 'feast'), ['apply'], {
      cwd: repo,
      encoding: 'utf8',
      env: {
        ...process.env,
        ...{ FEAST_USAGE: 'False', FEATURES: features, WINDOWS: itsWindows },
        FEAST_JOIN_KEY: joinKey,
      },
    });
    if (status !== 0) throw new Error(`feast apply: ${stdout}${stderr}`);
    return stdout + stderr;
  };
  const applied = apply(windows);
  const session = openSession(python, repo);
  return {
    applied,
    applyAgain: apply,
    read: async (sensorIds, view = feastView) =>
      featuresOf((await session.ask({ read: sensorIds, view })) as ReadAnswer),
    write: async (rows) => {
      await session.ask({ write: rows });
    },
    historyFolder: join(repo, 'data'),
    join: async (entities, view = feastView, at = 'event') => {
      const answer = (await session.ask({ join: entities, view, at })) as ValuesAnswer;
      return entities.map((_, index) => valuesAt(answer, index));
    },
    parquet: async (path) =>
      (await session.ask({ parquet: path })) as Awaited<ReturnType<FeastSdk['parquet']>>,
    close: () => {
      session.close();
      rmSync(repo, { recursive: true, force: true });
    },
  };
}

function openSession(
  python: string,
  repo: string,
): { ask(command: object): Promise<unknown>; close(): void } {
  const script = fileURLToPath(new URL('./read_features.py', import.meta.url));
  const child = spawn(python, [script, repo], { stdio: ['pipe', 'pipe', 'pipe'] });
  let complaints = '';
  child.stderr.on('data', (text: Buffer) => {
    complaints += text.toString();
  });
  const waiting: { resolve(answer: unknown): void; reject(error: Error): void }[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    waiting.shift()?.resolve(JSON.parse(line));
  });
  child.once('exit', (code) => {
    for (const { reject } of waiting.splice(0)) {
      reject(new Error(`the Feast SDK ended with ${String(code)}: ${complaints}`));
    }
  });
  return {
    ask: (command) =>
      new Promise((resolve, reject) => {
        waiting.push({ resolve, reject });
        child.stdin.write(`${JSON.stringify(command)}\n`);
      }),
    close: () => {
      child.stdin.end();
    },
  };
}

function featuresOf(answer: ReadAnswer): readonly FeastFeatures[] {
  return answer.event_timestamps_ms.map((eventTimeMs, index) => ({
    eventTimeMs,
    values: valuesAt(answer, index),
  }));
}

function valuesAt({ values }: ValuesAnswer, index: number): FeastFeatures['values'] {
  return Object.fromEntries(
    Object.entries(values).map(([name, column]) => [name, exact(column[index] ?? null)]),
  );
}

function exact(value: string | { readonly int: string } | null): number | bigint | null {
  if (value === null) return null;
  return typeof value === 'string' ? doubleOfHex(value) : BigInt(value.int);
}

/** The double that Python's float.hex() wrote. */
function doubleOfHex(text: string): number {
  if (text === 'inf') return Infinity;
  if (text === '-inf') return -Infinity;
  const match = /^(-?)0x([01])\.([0-9a-f]{1,13})p([+-]\d+)$/.exec(text);
  if (match === null) return Number.NaN;
  const [, sign = '', lead = '0', digits = '', exponent = '0'] = match;
  const fraction = Number.parseInt(digits.padEnd(13, '0'), 16) / 2 ** 52;
  // Two steps: 2 ** -1074 alone is exact, but 2 ** exponent of a denormal's neighbour must not
  // round first.
  const magnitude = (Number(lead) + fraction) * 2 ** Math.max(Number(exponent), -1022);
  return sign === '-' ? -magnitude : magnitude;
}
