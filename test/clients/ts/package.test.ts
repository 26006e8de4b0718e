// The package as its users get it: compiled, packed, imported by plain Node, its command run.
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { afterAll, beforeAll, expect, it } from 'vitest';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'sensorium-client-'));

beforeAll(async () => {
  await run(process.execPath, [
    join(root, 'node_modules/typescript/bin/tsc'),
    ...['-p', join(root, 'clients/ts'), '--outDir', join(folder, 'dist')],
  ]);
  cpSync(join(root, 'clients/ts/package.json'), join(folder, 'package.json'));
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true }));

it('has no dependencies, and every file that it exports', async () => {
  const { dependencies, exports, bin } = JSON.parse(
    readFileSync(join(folder, 'package.json'), 'utf8'),
  ) as {
    dependencies?: object;
    exports: { '.': { types: string; default: string } };
    bin: Record<string, string>;
  };

  expect(dependencies).toBeUndefined();
  for (const path of [exports['.'].types, exports['.'].default, ...Object.values(bin)]) {
    expect(readFileSync(join(folder, path), 'utf8')).not.toBe('');
  }
  const program = `import('sensorium-client').then((m) => console.log(Object.keys(m).join()))`;
  const named = await run(process.execPath, ['--input-type=module', '-e', program], {
    cwd: folder,
  });
  expect(named.stdout).toBe('FeatureError,createFeatureClient\n');
});

it('writes the types of a server that serves its features', async () => {
  const features = [{ name: 'count', type: 'Int64', unit: 'readings', description: 'How many.' }];
  const http = createServer((_request, response) =>
    response.end(JSON.stringify({ views: ['sensor_features'], features })),
  );
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  const command = join(folder, 'dist/command.js');

  const written = await run(process.execPath, [command, 'types', '--url', url]);
  http.close();
  const refused = await run(process.execPath, [command, 'types']).catch((error: unknown) => error);

  expect(written.stdout).toContain("'sensor_features:count': number;");
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('Usage:') as string });
});
