// The page as a browser shows it, served by the real HTTP server.
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';

import { parseConfig } from '../../../src/config/config.ts';
import { createHttpServer, type HttpServer } from '../../../src/http/server.ts';
import { selectFeatures } from '../../../src/sensors/features.ts';
import { freePort } from '../../free-port.ts';
import { eventually } from '../../integration/program.ts';
import { keepingLogger } from '../../supervisor/keeping-logger.ts';
import { featureRow, InMemorySupervisor } from '../in-memory-supervisor.ts';
import { openBrowser, type Browser } from './browser.ts';

const command = inject('browser');
const names = ['count', 'avg_value', 'anomaly_rate', 'rate_of_change', 'gap_max_ms'];

describe.skipIf(command === '')('the page in a browser', () => {
  const supervisor = new InMemorySupervisor();
  let server: HttpServer;
  let browser: Browser;
  let url: string;

  beforeAll(async () => {
    const port = await freePort();
    server = createHttpServer({
      supervisor,
      featureStore: {
        ping: () => Promise.resolve(),
        read: (ids) => Promise.resolve(ids.map(() => undefined)),
      },
      config: parseConfig({ FEATURES: names.join(','), HTTP_PORT: String(port) }),
      logger: keepingLogger(),
    });
    url = await server.listen();
    browser = openBrowser(command);
  });
  afterAll(async () => {
    await browser.close();
    await server.close();
  });

  it('takes its headings from the declarations, and shows each value in its unit', async () => {
    const values = [60, 20.125, 0.25, -0.5, 61_000];
    const features = Object.fromEntries(names.map((name, index) => [name, values[index] ?? NaN]));
    supervisor.rows.add({ ...featureRow('<b>pump</b> 7', 60_000), features });

    const evaluate = await browser.open(url);

    await eventually(
      async () => {
        const texts = `Array.from(document.querySelectorAll('#sensor-rows td'), (c) => c.textContent)`;
        const cells = (await evaluate(texts)) as string[];
        expect(cells.slice(1, -1)).toEqual(['60', '20.13', '25.0 %', '-0.50', '61,000']);
      },
      { timeoutMs: 20_000 },
    );
    const heads = `Array.from(document.querySelectorAll('#sensor-head th'), (h) => [h.textContent, h.title])`;
    const declared = selectFeatures(names).map(({ description }) => description);
    expect(await evaluate(heads)).toEqual([
      ['Sensor', ''],
      ['Avg, last windows', ''],
      ...['Count readings', 'Avg', 'Anomaly rate', 'Rate of change per second', 'Gap max ms'].map(
        (text, index) => [text, declared[index]],
      ),
      ['Window end', ''],
    ]);
    expect(await evaluate(`document.querySelector('#sensor-rows button').textContent`)).toBe(
      '<b>pump</b> 7',
    );
  });
});
