// The scanner of records is checked in compiled: nobody else would notice that its source has gone on without it.
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

import { compile, compiledPath } from '../../scripts/assembly.mjs';

// The first run in a clone installs the compiler.
it(`${compiledPath} is what assembly/ compiles to`, { timeout: 300_000 }, async () => {
  const checkedIn = readFileSync(new URL(`../../${compiledPath}`, import.meta.url));

  const compiled = await compile();

  const isSame = checkedIn.equals(compiled);
  expect(isSame, `${compiledPath} is stale: run \`npm run generate\``).toBe(true);
});
