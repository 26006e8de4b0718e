import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, onTestFinished, test } from 'vitest';

import { InvariantError } from '../../../src/errors.ts';
import { openEmbeddedFeatureStore } from '../../../src/stores/embedded/embedded-feature-store.ts';
import { featureRow, featureStoreContract } from '../../contracts/feature-store.contract.ts';

function freshFolder(): string {
  return mkdtempSync(join(tmpdir(), 'embedded-features-'));
}

featureStoreContract('embedded', async () => {
  const dataDir = freshFolder();
  const store = openEmbeddedFeatureStore({ dataDir });
  return {
    store,
    openAnother: async () => openEmbeddedFeatureStore({ dataDir }),
    async close() {
      await store.close();
      rmSync(dataDir, { recursive: true });
    },
  };
});

test('rows outlive the store that wrote them', async () => {
  const dataDir = freshFolder();
  onTestFinished(() => rmSync(dataDir, { recursive: true }));
  const first = openEmbeddedFeatureStore({ dataDir });
  await first.upsert([featureRow('sensor_001', 4)]);
  await first.close();

  const second = openEmbeddedFeatureStore({ dataDir });

  expect((await second.read(['sensor_001']))[0]?.values).toEqual(
    featureRow('sensor_001', 4).features,
  );
  await second.close();
});

test('a feature that is not finite is refused and nothing of its batch is written', async () => {
  const dataDir = freshFolder();
  onTestFinished(() => rmSync(dataDir, { recursive: true }));
  const store = openEmbeddedFeatureStore({ dataDir });

  const upsert = store.upsert([
    featureRow('good', 0),
    featureRow('bad', 0, { avg_value: Number.NaN }),
  ]);

  await expect(upsert).rejects.toBeInstanceOf(InvariantError);
  expect(await store.read(['good', 'bad'])).toEqual([undefined, undefined]);
  await store.close();
});
