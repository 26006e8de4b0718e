// A schema registry over Confluent's REST API, which Karapace and Apicurio serve too. A schema does
// not exist only if the registry itself says so, by its error code: a proxy in between, or a wrong
// path, answers 404 as well.
import type { RegisteredSchema } from '../../codecs/writer-schema.ts';
import type { RegistryConfig } from '../../config/config.ts';
import { pemText } from '../../config/pem-text.ts';
import { ConfigError, UnavailableError } from '../../errors.ts';
import { requestText } from '../../web-request.ts';

export interface RegistryClient {
  /**
   * Resolves with the schema of an id; undefined if the registry says that it has no such schema.
   * @throws UnavailableError if it does not answer, or not as a registry does.
   */
  schema(id: number): Promise<RegisteredSchema | undefined>;
  /**
   * Resolves with the number of subjects.
   * @throws UnavailableError
   */
  subjects(): Promise<number>;
  /**
   * Resolves with the id of an Avro schema under `subject`; registers it if it is new there.
   * @throws ConfigError if the registry refuses it: it does not fit the subject's earlier versions.
   * @throws UnavailableError
   */
  register(subject: string, schema: string): Promise<number>;
}

const mediaType = 'application/vnd.schemaregistry.v1+json';
const answerMsMax = 10_000;
const referencesMax = 100;
const schemaNotFound = 40_403;
const refusedStatuses = [409, 422];

/**
 * Returns the client of the registry that `settings` names.
 * @throws ConfigError when its PEM file cannot be read.
 */
export function createRegistryClient(settings: RegistryConfig): RegistryClient {
  const { ca } = settings;
  const config = { ...settings, ca: ca === undefined ? ca : pemText('SCHEMA_REGISTRY_CA', ca) };
  return {
    async schema(id) {
      const answer = await ask(config, `schemas/ids/${id}`);
      if (answer.status === 404 && answer.body['error_code'] === schemaNotFound) return undefined;
      return registered(config, ok(config, answer));
    },
    async subjects() {
      const { body } = ok(config, await ask(config, 'subjects'));
      return Array.isArray(body) ? body.length : 0;
    },
    async register(subject, schema) {
      const path = `subjects/${encodeURIComponent(subject)}`;
      // To look it up needs no right to write.
      const known = await ask(config, path, { schema });
      const answer =
        known.status === 404 ? await ask(config, `${path}/versions`, { schema }) : known;
      if (refusedStatuses.includes(answer.status)) throw refusal(config, subject, answer);
      const { id } = ok(config, answer).body;
      if (typeof id === 'number') return id;
      throw new UnavailableError(`${place(config)} answered without the id of a schema`);
    },
  };
}

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

async function registered(config: RegistryConfig, { body }: Answer): Promise<RegisteredSchema> {
  const { schema: text, schemaType = 'AVRO' } = body;
  if (typeof text !== 'string' || typeof schemaType !== 'string') {
    throw new UnavailableError(`${place(config)} answered without a schema`);
  }
  const references: References = new Map();
  await addReferences(config, body['references'], { references, within: [] });
  return { type: schemaType, text, references: [...references.values()] };
}

/** By name, in the order in which they must be parsed. */
type References = Map<string, RegisteredSchema['references'][number]>;

/** Adds the schemas that `listed` names, each behind those that it refers to itself. */
async function addReferences(
  config: RegistryConfig,
  listed: unknown,
  found: {
    readonly references: References;
    /** Names of the schemas that refer to these. */
    readonly within: readonly string[];
  },
): Promise<void> {
  if (!Array.isArray(listed)) return;
  for (const reference of listed as readonly Readonly<Record<string, unknown>>[]) {
    const { name, subject, version } = reference;
    if (typeof name !== 'string' || typeof subject !== 'string' || found.references.has(name)) {
      continue;
    }
    if (found.references.size >= referencesMax) {
      throw new UnavailableError(`a schema refers to more than ${referencesMax} others`);
    }
    const path = `subjects/${encodeURIComponent(subject)}/versions/${String(version)}`;
    if (found.within.includes(name)) {
      throw new UnavailableError(`${place(config)} has schemas that refer to each other: ${name}`);
    }
    const { body } = ok(config, await ask(config, path));
    if (typeof body['schema'] !== 'string') {
      throw new UnavailableError(`${place(config)} answered without the schema of ${subject}`);
    }
    const inner = { ...found, within: [...found.within, name] };
    await addReferences(config, body['references'], inner);
    found.references.set(name, { name, text: body['schema'] });
  }
}

function ok(config: RegistryConfig, answer: Answer): Answer {
  if (answer.status === 200) return answer;
  throw new UnavailableError(`${place(config)} answered ${answer.status}${messageOf(answer)}`);
}

function messageOf({ body: { message } }: Answer): string {
  return typeof message === 'string' ? `: ${message.slice(0, 200)}` : '';
}

function refusal(config: RegistryConfig, subject: string, answer: Answer): ConfigError {
  return new ConfigError(
    `${place(config)} refuses the schema of subject ${subject}${messageOf(answer)}; it must be ` +
      'compatible with the versions that are there: choose other names of topics, or delete the ' +
      'subject if nothing else writes it',
    { subject, status: answer.status },
  );
}

function place({ url }: RegistryConfig): string {
  return `the schema registry at ${url}`;
}

async function ask(config: RegistryConfig, path: string, body?: object): Promise<Answer> {
  const url = new URL(path, config.url.endsWith('/') ? config.url : `${config.url}/`);
  const headers = {
    accept: mediaType,
    ...(body === undefined ? {} : { 'content-type': mediaType }),
    ...authorization(config),
  };
  const sent = body && JSON.stringify(body);
  try {
    const request = { headers, body: sent, ca: config.ca, answerMsMax };
    const { status, text } = await requestText(url, request);
    return { status, body: bodyOf(text) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UnavailableError(`${place(config)} does not answer: ${reason}`, {}, error);
  }
}

function bodyOf(text: string): Answer['body'] {
  try {
    const body: unknown = JSON.parse(text);
    return typeof body === 'object' && body !== null ? (body as Answer['body']) : {};
  } catch {
    // This is a page of a proxy, and its status says enough.
    return {};
  }
}

function authorization({ password, token, username }: RegistryConfig): Record<string, string> {
  if (token !== undefined) return { authorization: `Bearer ${token}` };
  if (username === undefined) return {};
  const credentials = Buffer.from(`${username}:${password ?? ''}`).toString('base64');
  return { authorization: `Basic ${credentials}` };
}
