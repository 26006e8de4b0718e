// A schema registry that no one here wrote, Apicurio with Confluent's REST API, and Confluent's own
// serializers in Python (scripts/setup-tests.sh installs both).
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createInterface } from 'node:readline';

import { freePort } from '../free-port.ts';
import { eventually } from '../integration/program.ts';

export interface Registry {
  /** Of its Confluent API. */
  readonly url: string;
  /** Kills it; its schemas are lost with it. */
  stop(): Promise<void>;
  /** Stops answering, or answers again; its schemas stay. */
  freeze(): void;
  thaw(): void;
}

/** Starts the registry in `folder` on a free port; it keeps its schemas in memory. */
export async function startRegistry(folder: string): Promise<Registry> {
  const port = await freePort();
  const jar = 'apicurio-registry-app-3.0.9-runner.jar';
  const child = spawn('java', ['-Xmx256m', '-XX:TieredStopAtLevel=1', '-jar', jar], {
    cwd: folder,
    env: { ...process.env, QUARKUS_HTTP_PORT: String(port), QUARKUS_HTTP_HOST: '127.0.0.1' },
    stdio: 'ignore',
  });
  const url = `http://127.0.0.1:${port}/apis/ccompat/v7`;
  await eventually(
    async () => {
      const answer = await fetch(`${url}/subjects`);
      if (answer.status !== 200) throw new Error(`the registry answered ${answer.status}`);
    },
    { timeoutMs: 100_000, onTimeout: () => `exit code ${String(child.exitCode)}` },
  );
  return {
    url,
    stop: () => ended(child),
    freeze: () => child.kill('SIGSTOP'),
    thaw: () => child.kill('SIGCONT'),
  };
}

export interface SerializeRequest {
  readonly kind: 'avro' | 'json' | 'protobuf';
  readonly topic: string;
  readonly schema: string;
  readonly value: unknown;
  /** Of Protobuf: the message's full name, and the files that `schema` imports by name. */
  readonly message?: string;
  readonly imports?: Readonly<Record<string, string>>;
}

export interface Serializers {
  /** Resolves with the record's value; the schema is registered on the way. */
  serialize(request: SerializeRequest): Promise<Buffer>;
  /** Resolves with the value of an Avro record of `topic`. */
  deserialize(topic: string, record: Uint8Array): Promise<unknown>;
  stop(): Promise<void>;
}

interface Answer {
  readonly record?: string;
  readonly value?: unknown;
  readonly error?: string;
}

/** Starts Confluent's serializers with a registry. */
export function startSerializers(python: string, registryUrl: string): Serializers {
  const script = fileURLToPath(new URL('serialize.py', import.meta.url));
  const child = spawn(python, [script, JSON.stringify({ url: registryUrl })], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const ask = async (request: object): Promise<Answer> => {
    child.stdin.write(`${JSON.stringify(request)}\n`);
    const { value } = (await lines.next()) as { value?: string };
    const answer = JSON.parse(value ?? '{"error":"the serializers ended"}') as Answer;
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer;
  };
  return {
    async serialize(request) {
      return Buffer.from((await ask(request)).record ?? '', 'base64');
    },
    async deserialize(topic, record) {
      const base64 = Buffer.from(record).toString('base64');
      return (await ask({ kind: 'deserialize', topic, record: base64 })).value;
    },
    stop: () => ended(child),
  };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}
