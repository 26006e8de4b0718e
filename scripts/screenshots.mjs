// Makes docs/pictures/page.png: the page of a real run over simulated sensors, whose readings are
// the same in every run. `node scripts/screenshots.mjs [seconds of run]`
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { build } from './build.mjs';
import { findBrowser, openBrowser } from './browser.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const runMs = 1_000 * Number(process.argv[2] ?? 60);
const size = { width: 1280, height: 760 };

build();
const data = mkdtempSync(join(tmpdir(), 'sensorium-screenshots-'));
const env = {
  ...process.env,
  ...{ DATA_DIR: data, HTTP_PORT: '0', WORKERS: '1', SIMULATED_SENSORS: '200' },
  ...{ WINDOW_MS: '5000', WATERMARK_DELAY_MS: '1000' },
};
const program = spawn(process.execPath, ['dist/main.js', 'run'], { cwd: root, env });
const browser = openBrowser(findBrowser());
try {
  const url = await pageUrl(program.stdout);
  await delay(runMs);
  const page = await browser.open(`${url}?sort=-anomalies`, size);
  await delay(4_000);
  if (page.problems.length > 0) throw new Error(page.problems.join('\n'));
  writeFileSync(`${root}docs/pictures/page.png`, await page.screenshot());
} finally {
  await browser.close();
  program.kill();
  await once(program, 'exit');
  rmSync(data, { recursive: true, force: true });
}

/** Resolves with the URL that the program prints. */
async function pageUrl(output) {
  let text = '';
  for await (const part of output.setEncoding('utf8')) {
    text += part;
    const [, url] = /^page +(\S+)$/m.exec(text) ?? [];
    if (url !== undefined) return url;
  }
  throw new Error(`the program did not start: ${text}`);
}
