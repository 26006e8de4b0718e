// A real headless browser, driven with the DevTools protocol over two pipes: JSON messages, each
// ended by a zero byte. For the tests of the page and its screenshots.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Returns the path of a browser on this machine; empty if none is found. */
export function findBrowser() {
  const names = ['chromium-headless-shell', 'chromium', 'chromium-browser', 'google-chrome'];
  return names.find((name) => spawnSync(name, ['--version']).status === 0) ?? '';
}

/** Starts `command` with a fresh profile. */
export function openBrowser(command) {
  const profile = mkdtempSync(join(tmpdir(), 'sensorium-browser-'));
  const child = spawn(
    command,
    [
      ...['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
      ...['--no-first-run', '--hide-scrollbars'],
      ...['--remote-debugging-pipe', `--user-data-dir=${profile}`],
    ],
    // Its own process group: Debian's command is a shell that starts the browser.
    { detached: true, stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] },
  );
  const exited = new Promise((resolve) => child.once('exit', resolve));
  const [, , , commands, answers] = child.stdio;
  const channel = createChannel(commands, answers);
  return {
    open: async (url, size) => openPage(channel, url, size),
    async close() {
      process.kill(-child.pid, 'SIGKILL');
      commands.destroy();
      answers.destroy();
      await exited;
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

async function openPage(channel, url, { width = 1280, height = 900, dark = false } = {}) {
  const { targetId } = await channel.send('Target.createTarget', { url: 'about:blank' });
  const { sessionId } = await channel.send('Target.attachToTarget', { targetId, flatten: true });
  const send = (method, parameters = {}) => channel.send(method, parameters, sessionId);
  const problems = [];
  channel.listen(sessionId, ({ method, params }) => {
    const problem = problemIn(method, params);
    if (problem !== undefined) problems.push(problem);
  });
  await Promise.all([send('Runtime.enable'), send('Log.enable'), send('Page.enable')]);
  await send('Emulation.setDeviceMetricsOverride', {
    ...{ width, height, deviceScaleFactor: 1, mobile: width < 500 },
  });
  const features = [{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }];
  await send('Emulation.setEmulatedMedia', { features });
  await send('Page.navigate', { url });
  return {
    problems,
    async evaluate(expression) {
      const { result, exceptionDetails } = await send('Runtime.evaluate', {
        ...{ expression, returnByValue: true, awaitPromise: true },
      });
      if (exceptionDetails === undefined) return result?.value;
      throw new Error(exceptionDetails.exception?.description ?? 'the expression threw');
    },
    close: () => channel.send('Target.closeTarget', { targetId }),
    async screenshot() {
      const { data } = await send('Page.captureScreenshot', { format: 'png' });
      return Buffer.from(data, 'base64');
    },
  };
}

/** Returns what a person would see in red in the console; undefined for anything else. */
function problemIn(method, params) {
  if (method === 'Runtime.exceptionThrown') {
    const { exception, text } = params.exceptionDetails;
    return exception?.description ?? text;
  }
  if (method === 'Log.entryAdded' && params.entry.level === 'error') {
    return `${params.entry.text} ${params.entry.url ?? ''}`;
  }
  if (method !== 'Runtime.consoleAPICalled' || params.type !== 'error') return undefined;
  return params.args.map((argument) => argument.value ?? argument.description).join(' ');
}

function createChannel(commands, answers) {
  const waiting = new Map();
  const listeners = new Map();
  let text = '';
  answers.setEncoding('utf8').on('data', (part) => {
    const messages = (text + part).split('\0');
    text = messages.pop() ?? '';
    for (const message of messages) {
      const answer = JSON.parse(message);
      if (answer.id === undefined) listeners.get(answer.sessionId)?.(answer);
      else waiting.get(answer.id)?.(answer);
      waiting.delete(answer.id);
    }
  });
  let id = 0;
  return {
    listen: (sessionId, listener) => listeners.set(sessionId, listener),
    async send(method, params, sessionId) {
      id += 1;
      const answered = new Promise((resolve) => waiting.set(id, resolve));
      commands.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
      const { result, error } = await answered;
      if (result === undefined) throw new Error(`${method}: ${error?.message ?? 'no result'}`);
      return result;
    },
  };
}
