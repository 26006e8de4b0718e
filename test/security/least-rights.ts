// The least rights of each command, as docs/security.md tells them: what the page says is what the tests give.
import { readFileSync } from 'node:fs';

import type { TestRight } from './secured-kafka.ts';

/** The names of the page, which are the defaults, and those of a test. */
export interface Names {
  readonly input: string;
  readonly output: string;
  readonly anomalies: string;
  readonly group: string;
}

/** Returns the rights of each command of the page, by its heading, with the names of a test. */
export function leastRights(names: Names): ReadonlyMap<string, readonly TestRight[]> {
  const page = readFileSync(new URL('../../docs/security.md', import.meta.url), 'utf8');
  const sections = page.matchAll(/^### `([^`]+)`\n\n```\n(.*?)^```/gms);
  return new Map(
    [...sections].map(([, command = '', lines = '']) => [
      command,
      lines
        .trim()
        .split('\n')
        .map((line) => rightOf(line, names)),
    ]),
  );
}

function rightOf(line: string, names: Names): TestRight {
  const [operation = '', resource = '', name = '', pattern] = line.split(/ +/);
  const named = name
    .replace(/^raw_readings/, names.input)
    .replace(/^sensor_features/, names.output)
    .replace(/^sensor_anomalies/, names.anomalies)
    .replace(/^sensor-feature-processor/, names.group);
  return { operation, resource, name: named, prefixed: pattern === 'prefixed' };
}
