#!/usr/bin/env node
// `sensorium-client types --url http://localhost:8080 [--out features.ts] [--name SensoriumFeatures]`
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { featureTypesSource, type FeatureCatalogue } from './feature-types.ts';

const usage = `Usage: sensorium-client types --url URL [--out FILE] [--name NAME]

Writes the features of the Sensorium server at URL as a TypeScript type.

  --url URL    the server, for example http://localhost:8080
  --out FILE   where to write; standard output when left out
  --name NAME  the name of the type [SensoriumFeatures]`;

async function main(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      url: { type: 'string' },
      out: { type: 'string' },
      name: { type: 'string', default: 'SensoriumFeatures' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(`${usage}\n`);
    return 0;
  }
  if (positionals[0] !== 'types' || values.url === undefined) {
    process.stderr.write(`${usage}\n`);
    return 2;
  }
  const { url, out, name } = values;
  const response = await fetch(new URL('features', url.endsWith('/') ? url : `${url}/`));
  if (!response.ok) throw new Error(`${url} answered ${response.status} to GET /features`);
  const source = featureTypesSource((await response.json()) as FeatureCatalogue, { name, url });
  if (out === undefined) process.stdout.write(source);
  else await writeFile(out, source);
  return 0;
}

main(process.argv.slice(2)).then(
  (code) => (process.exitCode = code),
  (error: unknown) => {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    process.stderr.write(
      `sensorium-client: ${cause instanceof Error ? cause.message : String(cause)}\n`,
    );
    process.exitCode = 1;
  },
);
