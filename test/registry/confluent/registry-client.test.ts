import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';

import type { RegistryConfig } from '../../../src/config/config.ts';
import { ConfigError, UnavailableError } from '../../../src/errors.ts';
import { createRegistryClient } from '../../../src/registry/confluent/registry-client.ts';

type Answer = readonly [status: number, body: string];

let server: Server | undefined;
const asked: IncomingMessage[] = [];

/** A server with the answers that Confluent's API documents, by path. */
async function serving(answers: Readonly<Record<string, Answer>>): Promise<RegistryConfig> {
  asked.length = 0;
  const started = createServer((request, response) => {
    asked.push(request);
    const [status, body] = answers[request.url ?? ''] ?? [500, 'no page'];
    response.writeHead(status).end(body);
  });
  await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve));
  server = started;
  const { port } = started.address() as AddressInfo;
  const none = { username: undefined, password: undefined, token: undefined, ca: undefined };
  return { ...none, url: `http://127.0.0.1:${port}/api` };
}

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

const json = (value: unknown): Answer => [200, JSON.stringify(value)];

describe('the client of a registry', () => {
  it('registers a schema that its subject lacks, and only such a one', async () => {
    const config = await serving({
      '/api/subjects/a-value': json({ subject: 'a-value', id: 5 }),
      '/api/subjects/b-value': [404, '{"error_code":40401}'],
      '/api/subjects/b-value/versions': json({ id: 6 }),
    });
    const client = createRegistryClient(config);

    expect(await client.register('a-value', '"long"')).toBe(5);
    expect(await client.register('b-value', '"long"')).toBe(6);
    expect(asked.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'POST /api/subjects/a-value',
      'POST /api/subjects/b-value',
      'POST /api/subjects/b-value/versions',
    ]);
  });

  it('says what a refused schema is not compatible with', async () => {
    const config = await serving({
      '/api/subjects/a-value': [404, '{"error_code":40403}'],
      '/api/subjects/a-value/versions': [409, '{"message":"reader lacks a default"}'],
    });

    const registered = createRegistryClient(config).register('a-value', '"long"');

    await expect(registered).rejects.toThrow(ConfigError);
    await expect(registered).rejects.toThrow(
      /subject a-value: reader lacks a default; .*compatible/,
    );
  });

  it('refuses schemas that refer to each other', async () => {
    const to = (name: string): object => ({ name, subject: `${name}/value`, version: 3 });
    const config = await serving({
      '/api/schemas/ids/7': json({ schema: '"a"', schemaType: 'PROTOBUF', references: [to('b')] }),
      '/api/subjects/b%2Fvalue/versions/3': json({ schema: '"b"', references: [to('c')] }),
      '/api/subjects/c%2Fvalue/versions/3': json({ schema: '"c"', references: [to('b')] }),
    });

    const found = createRegistryClient(config).schema(7);

    await expect(found).rejects.toThrow('refer');
  });

  it('gives a schema of no type as Avro, and references once', async () => {
    const to = (name: string): object => ({ name, subject: name, version: 1 });
    const config = await serving({
      '/api/schemas/ids/7': json({ schema: '"a"', references: [to('b'), to('c')] }),
      '/api/subjects/b/versions/1': json({ schema: '"b"', references: [to('c')] }),
      '/api/subjects/c/versions/1': json({ schema: '"c"' }),
    });

    expect(await createRegistryClient(config).schema(7)).toEqual({
      ...{ type: 'AVRO', text: '"a"' },
      references: [
        { name: 'c', text: '"c"' },
        { name: 'b', text: '"b"' },
      ],
    });
  });

  it.each([
    ['its own word that it has none', [404, '{"error_code":40403,"message":"x"}'], undefined],
    ['a page of a proxy', [404, '<html>'], '404'],
    ['another code', [404, '{"error_code":40401,"message":"no subject"}'], '404: no subject'],
    ['no right', [401, '{"error_code":401,"message":"Unauthorized"}'], '401: Unauthorized'],
    ['no schema', [200, '{}'], 'without a schema'],
  ] as const)('takes %s as that', async (_, answer, message) => {
    const config = await serving({ '/api/schemas/ids/7': answer });

    const found = createRegistryClient(config).schema(7);

    if (message === undefined) expect(await found).toBeUndefined();
    else await expect(found).rejects.toThrow(message);
  });

  it('says who it is', async () => {
    const config = await serving({ '/api/subjects': json(['a', 'b']) });
    const headers = (): string | undefined => asked.at(-1)?.headers.authorization;

    expect(await createRegistryClient(config).subjects()).toBe(2);
    expect(headers()).toBeUndefined();
    await createRegistryClient({ ...config, username: 'u', password: 'p' }).subjects();
    expect(headers()).toBe(`Basic ${Buffer.from('u:p').toString('base64')}`);
    await createRegistryClient({ ...config, token: 't' }).subjects();
    expect(headers()).toBe('Bearer t');
  });

  it('fails as a registry that is away, or at once without its certificate', async () => {
    const config = await serving({});
    const away = { ...config, url: 'http://127.0.0.1:1' };

    await expect(createRegistryClient(away).subjects()).rejects.toThrow(UnavailableError);
    expect(() => createRegistryClient({ ...config, ca: '/none.pem' })).toThrow(ConfigError);
  });
});
