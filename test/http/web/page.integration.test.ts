// The page as a browser shows it, served by the real HTTP server.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';

import { parseConfig } from '../../../src/config/config.ts';
import { createHttpServer, type HttpServer } from '../../../src/http/server.ts';
import { selectFeatures } from '../../../src/sensors/features.ts';
import { freePort } from '../../free-port.ts';
import { eventually } from '../../integration/program.ts';
import { keepingLogger } from '../../supervisor/keeping-logger.ts';
import { InMemorySupervisor, sensorView } from '../in-memory-supervisor.ts';
import {
  openBrowser,
  type Browser,
  type BrowserPage,
  type PageSize,
} from '../../../scripts/browser.mjs';

const command = inject('browser');
const names = ['count', 'avg_value', 'anomaly_rate', 'rate_of_change', 'gap_max_ms'];

const values = [60, 20.125, 0.25, -0.5, 61_000];
const features = Object.fromEntries(names.map((name, index) => [name, values[index] ?? NaN]));
const hostile = '<b>pump</b> 7';

const axeSource = readFileSync(
  createRequire(import.meta.url).resolve('axe-core/axe.min.js'),
  'utf8',
);

const historyRow = (endMs: number, value: number) => ({
  ...{ window_start: endMs - 60_000, window_end: endMs, created: endMs, available_at: endMs },
  features: { avg_value: value, min_value: value - 1, max_value: value + 1 },
});

describe.skipIf(command === '')('the page in a browser', () => {
  const supervisor = new InMemorySupervisor();
  let server: HttpServer;
  let browser: Browser;
  let url: string;
  let history: readonly ReturnType<typeof historyRow>[] = [];

  beforeAll(async () => {
    const port = await freePort();
    server = createHttpServer({
      supervisor,
      featureStore: {
        ping: () => Promise.resolve(),
        read: (ids) => Promise.resolve(ids.map(() => ({ eventTimeMs: 60_000, values: features }))),
      },
      deadLetters: {
        newest: () => Promise.resolve({ counts: {}, not_ours: 0, unread: 0, letters: [] }),
      },
      history: { rows: () => Promise.resolve({ rows: history, unread: 0 }) },
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

  const pages: BrowserPage[] = [];
  afterEach(async () => {
    await Promise.all(pages.splice(0).map((page) => page.close()));
  });
  const open = async (path = '', size: PageSize = {}): Promise<BrowserPage> => {
    const page = await browser.open(`${url}${path}`, size);
    pages.push(page);
    return page;
  };
  const eventuallyThere = (assertion: () => Promise<void>): Promise<void> =>
    eventually(assertion, { timeoutMs: 20_000 });
  const texts = (selector: string): string =>
    `Array.from(document.querySelectorAll('${selector}'), (found) => found.textContent)`;

  it('takes its headings from the declarations, and shows each value in its unit', async () => {
    supervisor.sensorViews = new Map([[hostile, sensorView(hostile)]]);

    const { evaluate } = await open();

    await eventuallyThere(async () => {
      const cells = (await evaluate(texts('#sensor-rows td'))) as string[];
      expect(cells.slice(2, -1)).toEqual(['60', '20.13', '25.0 %', '-0.50', '61,000']);
    });
    const heads = `Array.from(document.querySelectorAll('#sensor-head th'), (h) => [h.textContent, h.title])`;
    const declared = selectFeatures(names).map(({ description }) => description);
    expect(await evaluate(heads)).toEqual([
      ['Sensor', ''],
      ['State', ''],
      ['Avg, last windows', ''],
      ...['Count readings', 'Avg', 'Anomaly rate', 'Rate of change per second', 'Gap max ms'].map(
        (text, index) => [text, declared[index]],
      ),
      ['Window end', ''],
    ]);
    expect(await evaluate(`document.querySelector('#sensor-rows a').textContent`)).toBe(hostile);
  });

  it('shows the view of its URL: finds any sensor, and goes back', async () => {
    const ids = Array.from({ length: 200 }, (_, index) => `pump_${index}`);
    supervisor.sensorViews = new Map(ids.map((id) => [id, sensorView(id)]));
    const page = await open('/?search=pump_19');
    const shown = async (): Promise<unknown> => page.evaluate(texts('#sensor-rows th'));
    const found = ids.filter((id) => id.includes('pump_19'));

    await eventuallyThere(async () => {
      expect(await shown()).toEqual(found);
      const note = await page.evaluate(`document.getElementById('sensors-note').textContent`);
      expect(note).toContain('11 match');
    });
    await page.evaluate(`(() => {
      const input = document.getElementById('filter');
      input.value = '';
      input.dispatchEvent(new Event('input'));
    })()`);
    await eventuallyThere(async () => expect(await shown()).toEqual(ids.slice(0, 50)));
    await page.evaluate(`document.getElementById('next-page').click()`);
    await eventuallyThere(async () => expect(await shown()).toEqual(ids.slice(50, 100)));
    await page.evaluate(`document.querySelector('#sensor-rows a').click()`);
    await eventuallyThere(async () => {
      expect(await page.evaluate(`document.getElementById('sensor').open`)).toBe(true);
      expect(await page.evaluate('location.search')).toContain('sensor=pump_50');
    });
    await page.evaluate('history.go(-2)');
    await eventuallyThere(async () => {
      expect(await page.evaluate(`document.getElementById('sensor').open`)).toBe(false);
      expect(await page.evaluate('location.search')).toBe('');
      expect(await shown()).toEqual(ids.slice(0, 50));
    });
    expect(page.problems).toEqual([]);
  });

  it('shows one sensor over time, its flagged reading by the arrow keys', async () => {
    const now = Date.now();
    const endMs = Math.floor(now / 60_000) * 60_000;
    history = [3, 2, 1].map((back) => historyRow(endMs - back * 60_000, back));
    const presence = { heard: endMs, offline: true, silent_after: 60_000, equal_readings: null };
    supervisor.sensorViews = new Map([['pump', { ...sensorView('pump'), presence }]]);
    const anomaly = {
      ...{ timestamp: endMs - 90_000, value: 77, z: 9, score: 4, alarm: true, lineage: null },
      baseline: { mean: 20, std_dev: 1, n: 100 },
    };
    const offline = {
      ...{ timestamp: endMs, kind: 'offline' as const, since: endMs - 60_000, lineage: null },
      ...{ silent_after: 60_000, readings: null, value: null, explanation: 'No reading.' },
    };
    supervisor.anomaliesBySensor = new Map([['pump', [offline, anomaly]]]);
    const page = await open('/?sensor=pump');
    const text = (id: string): Promise<unknown> =>
      page.evaluate(`document.getElementById('${id}').textContent`);

    await eventuallyThere(async () => {
      expect(await text('chart-note')).toBe('3 windows');
      expect(await text('chart-value')).toContain('From 1 to 3; 1 flagged reading.');
      expect(await page.evaluate(`document.querySelectorAll('#chart canvas').length`)).toBe(1);
      expect(await text('sensor-facts')).toContain('offline since');
      expect(await text('sensor-flags')).toContain('offline: No reading.');
    });
    const press = (key: string): Promise<unknown> =>
      page.evaluate(`document.getElementById('chart')
        .dispatchEvent(new KeyboardEvent('keydown', { key: '${key}' }))`);
    await press('End');
    await press('ArrowLeft');
    await eventuallyThere(async () => {
      expect(await text('chart-value')).toContain('9.0 standard deviations above');
    });
    await page.evaluate(`document.querySelectorAll('#ranges button')[1].click()`);
    await eventuallyThere(async () => {
      expect(await page.evaluate('location.search')).toBe('?sensor=pump&range=24h');
      expect(await text('chart-note')).toBe('3 windows');
    });
    expect(page.problems).toEqual([]);
  });

  it('shows the pipeline over time and what changed', async () => {
    const tree = supervisor.currentTree;
    for (const at of [0, 10, 20]) {
      const state = at === 20 ? 'draining' : 'running';
      supervisor.ring.note({ ...tree, state, nowMs: tree.nowMs + at * 1_000 });
    }
    const page = await open();

    await eventuallyThere(async () => {
      const drawn = `document.querySelectorAll('#pipeline canvas').length`;
      expect(await page.evaluate(drawn)).toBe(3);
      const changes = await page.evaluate(texts('#changes li'));
      expect(String(changes)).toContain('the process is draining');
    });
    expect(page.problems).toEqual([]);
  });

  it.each([
    { width: 1280, dark: false, path: '/' },
    { width: 320, dark: true, path: '/' },
    { width: 320, dark: false, path: '/?sensor=pump' },
    { width: 1280, dark: true, path: '/?sensor=pump' },
  ])('breaks no rule of axe, and needs no sideways scrolling: %o', async ({ path, ...size }) => {
    supervisor.sensorViews = new Map([['pump', sensorView('pump')]]);
    const page = await open(path, size);
    await eventuallyThere(async () => {
      expect(await page.evaluate(texts('#sensor-rows th'))).toEqual(['pump']);
    });
    await page.evaluate(`${axeSource}; 0`);

    const broken = await page.evaluate(`axe.run().then(({ violations }) =>
      violations.map(({ id, nodes }) => [id, nodes.map((node) => node.target.join(' '))]))`);

    expect(broken).toEqual([]);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(
      size.width,
    );
    expect(page.problems).toEqual([]);
  });
});
