// `feast ui`, as Dockerfile.feast starts it, shows the views of feature_repo in a browser.
import { expect, inject, onTestFinished, test } from 'vitest';

import { openBrowser } from '../../scripts/browser.mjs';
import { eventually } from '../integration/program.ts';
import { startFeastServer } from './feast-server.ts';

const python = inject('feastPython');
const browserCommand = inject('browser');

test.skipIf(python === '' || browserCommand === '')(
  'feast ui shows a view with its features',
  { timeout: 240_000 },
  async () => {
    const ui = await startFeastServer(python, 'redis://127.0.0.1:1', 'ui');
    onTestFinished(() => ui.stop());
    const browser = openBrowser(browserCommand);
    onTestFinished(() => browser.close());
    const path = '/p/sensor_features/feature-view/sensor_features';
    const page = await browser.open(`${ui.url}${path}`, { width: 1_200, height: 900 });

    await eventually(
      async () => {
        const text = await page.evaluate('document.body.innerText');
        for (const shown of ['anomaly_rate', 'DOUBLE', 'sensor_model']) {
          expect(text).toContain(shown);
        }
      },
      { timeoutMs: 60_000 },
    );
  },
);
