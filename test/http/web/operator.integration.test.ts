// An operator at the page, in a browser: alarms, dead letters, failed shards, with the token.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';

import type { SensorView } from '../../../src/actors/protocol.ts';
import { parseConfig } from '../../../src/config/config.ts';
import { createHttpServer, type HttpServer } from '../../../src/http/server.ts';
import {
  openBrowser,
  type Browser,
  type BrowserPage,
  type PageSize,
} from '../../../scripts/browser.mjs';
import type {
  RecentDeadLetter,
  RecentDeadLettersView,
} from '../../../src/projections/recent-dead-letters.ts';
import { freePort } from '../../free-port.ts';
import { eventually } from '../../integration/program.ts';
import { keepingLogger } from '../../supervisor/keeping-logger.ts';
import {
  emptyStore,
  InMemorySupervisor,
  sensorView,
  shardView,
  thread,
  treeOf,
} from '../in-memory-supervisor.ts';

const command = inject('browser');
const token = 'a-token-of-sixteen-characters';
const hostile = '<b>pump</b> 7';
const axeSource = readFileSync(
  createRequire(import.meta.url).resolve('axe-core/axe.min.js'),
  'utf8',
);

/** A sensor with one open alarm. */
function alarmedView(id: string, over: { readonly acknowledged?: boolean } = {}): SensorView {
  const { acknowledged = false } = over;
  const alarm = { alarm_id: '60000-1', cause: 'reading', channel: 'spike', opened_at: 60_000 };
  const open = [{ ...alarm, cause: 'reading' as const, score: 3.9, acknowledged }];
  const alarms = { open, muted_until: null, sensitivity: 1, direction: 'both' as const };
  return { ...sensorView(id), alarms };
}

const failedShard = shardView(2, {
  phase: 'failed',
  failedSinceMs: 1_000,
  error: {
    ...{ name: 'UnavailableError', code: 'UNAVAILABLE', directive: 'retry', details: {} },
    message: 'raw_readings/2 begins at offset 81200: <b>records</b> were deleted',
  },
});

const letter = (reason: string, offset: number): RecentDeadLetter => ({
  ...{
    reason,
    message: `the field <i>value</i> is ${reason}`,
    topic: 'raw_readings',
    partition: 1,
  },
  ...{ offset, time: 60_000 + offset, key: hostile, value_bytes: 900 },
  ...{ value: `{"sensor_id":"${'x'.repeat(290)}…`, dead_letter: { partition: 0, offset } },
});
const letters = [letter('late', 3), letter('value_type', 2), letter('late', 1)];
const lettersOf = (reason?: string): RecentDeadLettersView => ({
  ...{ counts: { late: 2, value_type: 1 }, not_ours: 0, unread: 0 },
  letters: letters.filter((each) => reason === undefined || each.reason === reason),
});

describe.skipIf(command === '')('the page of an operator', () => {
  let supervisor: InMemorySupervisor;
  let server: HttpServer;
  let browser: Browser;
  let url: string;
  const pages: BrowserPage[] = [];

  beforeAll(() => {
    browser = openBrowser(command);
  });
  afterAll(() => browser.close());
  beforeEach(async () => {
    supervisor = new InMemorySupervisor();
    server = createHttpServer({
      ...{ supervisor, featureStore: emptyStore, logger: keepingLogger() },
      deadLetters: { newest: (_, reason) => Promise.resolve(lettersOf(reason)) },
      config: parseConfig({
        ...{ HTTP_PORT: String(await freePort()), HTTP_TOKEN: token, ALARM_RESOLVE_AFTER: '10m' },
      }),
    });
    url = await server.listen();
  });
  afterEach(async () => {
    await Promise.all(pages.splice(0).map((page) => page.close()));
    await server.close();
  });

  const open = async (path = '/', size: PageSize = {}): Promise<BrowserPage> => {
    const page = await browser.open(`${url}${path}`, size);
    pages.push(page);
    return page;
  };
  const eventuallyThere = (assertion: () => Promise<void>): Promise<void> =>
    eventually(assertion, { timeoutMs: 60_000 });
  const textOf = (page: BrowserPage, id: string): Promise<unknown> =>
    page.evaluate(`document.getElementById('${id}').textContent`);
  const click = (page: BrowserPage, selector: string): Promise<unknown> =>
    page.evaluate(`(() => {
      const found = document.querySelector(${JSON.stringify(selector)});
      found.focus();
      found.click();
    })()`);
  const select = (page: BrowserPage, selector: string, value: string): Promise<unknown> =>
    page.evaluate(`(() => {
      const found = document.querySelector(${JSON.stringify(selector)});
      found.value = '${value}';
      found.dispatchEvent(new Event('change'));
    })()`);
  const confirm = (page: BrowserPage, given: string): Promise<unknown> =>
    page.evaluate(`(() => {
      document.getElementById('command-token').value = '${given}';
      document.getElementById('command-send').click();
    })()`);
  const isAsked = (page: BrowserPage): Promise<unknown> =>
    page.evaluate(`document.getElementById('command').open`);

  it('acknowledges an alarm, says what is refused, and gives the focus back', async () => {
    supervisor.sensorViews = new Map([hostile, 'b'].map((id) => [id, alarmedView(id)]));
    const page = await open();
    await eventuallyThere(async () => {
      expect(await textOf(page, 'alarms-note')).toBe('2 of 2 sensors');
      expect(await textOf(page, 'alarm-rows')).toContain(`${hostile}spike`);
    });

    await click(page, '#alarm-rows button');
    await confirm(page, 'wrong');
    await eventuallyThere(async () => {
      expect(await textOf(page, 'command-problem')).toContain('Refused: expected the header');
    });
    expect(supervisor.commands).toEqual([]);
    await confirm(page, token);
    await eventuallyThere(async () => {
      expect(await isAsked(page)).toBe(false);
      expect(await textOf(page, 'alarm-command-note')).toBe(`Acknowledge ${hostile}: committed.`);
    });

    expect(supervisor.commands).toEqual([{ name: 'acknowledge', message: '', sensorId: hostile }]);
    const focused = `document.activeElement.getAttribute('aria-label')`;
    expect(await page.evaluate(focused)).toBe(`Acknowledge ${hostile}…`);
  });

  it('keeps the focus in a list that changes under it', async () => {
    supervisor.sensorViews = new Map([['a', alarmedView('a')]]);
    const page = await open();
    await eventuallyThere(async () => expect(await textOf(page, 'alarm-rows')).toContain('spike'));
    await page.evaluate(`document.querySelector('#alarm-rows a').focus()`);

    supervisor.sensorViews = new Map([['a', alarmedView('a', { acknowledged: true })]]);

    await eventuallyThere(async () => {
      expect(await textOf(page, 'alarm-rows')).toContain('acknowledged');
    });
    expect(await page.evaluate('document.activeElement.textContent')).toBe('a');
    expect(page.problems).toEqual([]);
  });

  it('mutes a sensor until the end that is chosen', async () => {
    supervisor.sensorViews = new Map([['a', alarmedView('a')]]);
    const page = await open();
    await eventuallyThere(async () => expect(await textOf(page, 'alarm-rows')).toContain('spike'));
    const askMute = async (): Promise<void> => {
      await click(page, '#alarm-rows button:nth-of-type(2)');
      expect(await isAsked(page)).toBe(true);
    };

    await askMute();
    await select(page, '#command-fields select', '8h');
    const fromMs = Date.now() + 8 * 3_600_000;
    await confirm(page, token);
    await eventuallyThere(async () => expect(await isAsked(page)).toBe(false));
    await askMute();
    await select(page, '#command-fields select', '');
    await page.evaluate(
      `document.querySelector('#command-fields input').value = '2999-01-31T10:00'`,
    );
    await confirm(page, token);
    await eventuallyThere(async () => expect(await isAsked(page)).toBe(false));

    const [first, second] = supervisor.commands;
    expect(first).toMatchObject({ name: 'mute', sensorId: 'a' });
    expect(first).toHaveProperty('untilMs', expect.closeTo(fromMs, -6));
    const local = await page.evaluate(`new Date('2999-01-31T10:00').getTime()`);
    expect(second).toMatchObject({ name: 'mute', untilMs: local });
  });

  it('has the filter of alarms in its URL', async () => {
    supervisor.sensorViews = new Map([
      ['known', alarmedView('known', { acknowledged: true })],
      ['new', alarmedView('new')],
    ]);
    const page = await open('/?alarms=unacknowledged');
    const shown = (): Promise<unknown> =>
      page.evaluate(`Array.from(document.querySelectorAll('#alarm-rows a'), (a) => a.textContent)`);
    await eventuallyThere(async () => expect(await shown()).toEqual(['new']));
    expect(await page.evaluate(`document.getElementById('alarm-state').value`)).toBe(
      'unacknowledged',
    );

    await select(page, '#alarm-state', 'open');

    await eventuallyThere(async () => expect(await shown()).toEqual(['known', 'new']));
    expect(await page.evaluate('location.search')).toBe('');
    await page.evaluate('history.back()');
    await eventuallyThere(async () => expect(await shown()).toEqual(['new']));
  });

  it('retries a failed shard, past a gap only where that is ticked', async () => {
    const shards = [shardView(0), failedShard];
    supervisor.currentTree = treeOf({
      workers: [{ ...thread, index: 0, unconfirmedMs: 0, shards }],
    });
    const shard = { topic: 'raw_readings', partition: 2 };
    supervisor.retryOutcome = { ...shard, retried: true, phase: 'running' };
    const page = await open();
    await eventuallyThere(async () => {
      expect(await textOf(page, 'failed-shards')).toContain('<b>records</b> were deleted');
    });

    await click(page, '#failed-shards button');
    await confirm(page, token);
    await eventuallyThere(async () => {
      expect(await textOf(page, 'failed-command-note')).toBe('raw_readings / 2: running again.');
    });
    await click(page, '#failed-shards button');
    await click(page, '#command-fields input');
    await confirm(page, token);
    await eventuallyThere(async () => expect(await isAsked(page)).toBe(false));

    expect(supervisor.retries).toEqual([
      { ...shard, acceptGap: false },
      { ...shard, acceptGap: true },
    ]);
    expect(page.problems).toEqual([]);
  });

  it('lists the dead letters, as text, and by reason in its URL', async () => {
    const page = await open('/?letters=value_type');
    const rows = (): Promise<unknown> =>
      page.evaluate(`Array.from(document.querySelectorAll('#letter-rows li'), (li) =>
        [li.querySelector('.pill').textContent, li.querySelector('p').textContent])`);
    const rowsOf = (reason?: string): unknown =>
      lettersOf(reason).letters.map((each) => [each.reason, each.message]);
    await eventuallyThere(async () => expect(await rows()).toEqual(rowsOf('value_type')));
    expect(await textOf(page, 'letters-note')).toBe('1 value_type');

    await select(page, '#letter-reason', '');

    await eventuallyThere(async () => expect(await rows()).toEqual(rowsOf()));
    expect(await page.evaluate('location.search')).toBe('');
    expect(page.problems).toEqual([]);
  });

  it.each([
    { width: 1280, dark: false },
    { width: 1280, dark: true },
    { width: 390, dark: false },
    { width: 390, dark: true },
  ])('breaks no rule of axe, and needs no sideways scrolling: %o', async (size) => {
    const shards = [shardView(0), failedShard];
    supervisor.currentTree = treeOf({
      workers: [{ ...thread, index: 0, unconfirmedMs: 0, shards }],
    });
    const long = 'x'.repeat(200);
    supervisor.sensorViews = new Map(['a', long].map((id) => [id, alarmedView(id)]));
    const page = await open('/', size);
    await eventuallyThere(async () => {
      expect(await textOf(page, 'alarm-rows')).toContain(long);
      expect(await textOf(page, 'letter-rows')).toContain('value_type');
    });
    await page.evaluate(`${axeSource}; 0`);
    const broken = (): Promise<unknown> =>
      page.evaluate(`axe.run().then(({ violations }) =>
        violations.map(({ id, nodes }) => [id, nodes.map((node) => node.target.join(' '))]))`);

    expect(await broken()).toEqual([]);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(
      size.width,
    );
    await click(page, '#alarm-rows button:nth-of-type(2)');
    await eventuallyThere(async () => expect(await isAsked(page)).toBe(true));
    expect(await broken()).toEqual([]);
    expect(page.problems).toEqual([]);
  });
});
