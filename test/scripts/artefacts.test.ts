// `npm run generate` is this test with vitest's -u: it writes what it otherwise compares.
import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';

import { artefacts } from '../../scripts/artefacts.ts';

it.each(artefacts)('$path is what the feature declarations say', async ({ path, text }) => {
  const url = new URL(`../../${path}`, import.meta.url);
  expect(existsSync(url)).toBe(true);

  await expect(await text()).toMatchFileSnapshot(url.pathname);
});
