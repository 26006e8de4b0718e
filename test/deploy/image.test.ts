// The steps of the Dockerfile, each really executed: a folder a stage, from a build context that holds what
// .dockerignore lets through, and the program started from the last one. Base images, users and the read-only root are
// not tried: no engine is asked for. Part of `npm run test:deploy`.
import { spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  readdirSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { freePort } from '../free-port.ts';
import { eventually } from '../integration/program.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

interface Step {
  readonly kind: string;
  readonly text: string;
}

interface Image {
  /** Where the last stage's files are. */
  readonly folder: string;
  readonly workDir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly command: readonly string[];
  readonly healthCommand: readonly string[];
}

describe('the image of the Dockerfile', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'sensorium-image-'));
  let image: Image;

  beforeAll(async () => {
    image = await built(stepsOf('Dockerfile'), context(join(scratch, 'context')), scratch);
  }, 600_000);
  afterAll(() => {
    rmSync(scratch, { recursive: true, force: true });
  }, 120_000);

  it('holds the program and what it needs to run, and neither sources nor tests', () => {
    const files = readdirSync(join(image.folder, image.workDir));

    expect(files.toSorted()).toEqual(
      ['LICENSE', 'avro', 'dist', 'node_modules', 'package.json', 'state'].toSorted(),
    );
    expect(existsSync(join(image.folder, image.workDir, 'node_modules/vitest'))).toBe(false);
  });

  it('starts, is healthy by its own check, and stops at SIGTERM', async () => {
    const port = await freePort();
    const cwd = join(image.folder, image.workDir);
    const env = { ...image.env, PATH: process.env['PATH'] ?? '', HTTP_PORT: String(port) };
    const [command = '', ...args] = image.command;
    const program = spawn(command, args, { cwd, env, stdio: ['ignore', 'ignore', 'pipe'] });
    let printed = '';
    program.stderr.on('data', (chunk: Buffer) => (printed += chunk.toString()));
    const exited = new Promise((resolve) => program.once('exit', resolve));

    await eventually(
      async () => {
        const [check = '', ...checkArgs] = image.healthCommand;
        const asked = checkArgs.map((arg) => arg.replace(':8080/', `:${port}/`));
        await run(check, asked, { cwd, env });
      },
      { timeoutMs: 60_000, onTimeout: () => printed },
    );
    program.kill('SIGTERM');

    expect(await exited).toBe(0);
  });
});

/** Returns the instructions of a Dockerfile, one a step, without comments. */
function stepsOf(path: string): readonly Step[] {
  const text = readFileSync(join(root, path), 'utf8').replace(/^#.*\n/gm, '');
  return text
    .replaceAll('\\\n', ' ')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [kind = '', ...rest] = line.trim().split(/\s+/);
      return { kind, text: rest.join(' ') };
    });
}

/** Copies what .dockerignore lets through. */
function context(folder: string): string {
  mkdirSync(folder);
  const ignore = readFileSync(join(root, '.dockerignore'), 'utf8').split('\n');
  expect(ignore[0]).toBe('*');
  for (const pattern of ignore.filter((line) => line.startsWith('!'))) {
    for (const path of matching(pattern.slice(1))) {
      cpSync(join(root, path), join(folder, path), { recursive: true });
    }
  }
  return folder;
}

/** Returns the files of the tree that a pattern means; a name may hold one *. */
function matching(pattern: string): readonly string[] {
  if (!pattern.includes('*')) return [pattern];
  const folder = dirname(pattern);
  const [before = '', after = ''] = basename(pattern).split('*');
  return readdirSync(join(root, folder))
    .filter((name) => name.startsWith(before) && name.endsWith(after))
    .map((name) => join(folder, name));
}

async function built(steps: readonly Step[], from: string, scratch: string): Promise<Image> {
  const stages = new Map<string, string>();
  let folder = '';
  let workDir = '';
  let env: Record<string, string> = {};
  let command: readonly string[] = [];
  let healthCommand: readonly string[] = [];
  for (const { kind, text } of steps) {
    if (kind === 'FROM') {
      const name = text.split(/ AS /i)[1] ?? 'last';
      folder = join(scratch, name);
      stages.set(name, folder);
      [workDir, env] = ['', {}];
    } else if (kind === 'WORKDIR') {
      workDir = text;
      mkdirSync(join(folder, workDir), { recursive: true });
    } else if (kind === 'ENV') {
      for (const pair of text.split(' ')) env[pair.split('=')[0] ?? ''] = pair.split('=')[1] ?? '';
    } else if (kind === 'COPY') {
      copy(text, { from, stages, cwd: join(folder, workDir), root: folder });
    } else if (kind === 'RUN') {
      // The user of the base image is not there.
      await run('sh', ['-ec', `chown() { :; }; ${text}`], { cwd: join(folder, workDir), env });
    } else if (kind === 'CMD') {
      command = JSON.parse(text) as string[];
    } else if (kind === 'HEALTHCHECK') {
      healthCommand = JSON.parse(text.slice(text.indexOf('CMD ') + 4)) as string[];
    } else {
      // Of no effect on the files.
      expect(['ARG', 'USER', 'VOLUME', 'EXPOSE']).toContain(kind);
    }
  }
  return { folder, workDir, env, command, healthCommand };
}

function copy(
  text: string,
  stage: {
    readonly from: string;
    readonly stages: ReadonlyMap<string, string>;
    readonly cwd: string;
    readonly root: string;
  },
): void {
  const words = text.split(' ');
  const source = /^--from=(\S+)$/.exec(words[0] ?? '')?.[1];
  const base = source === undefined ? stage.from : (stage.stages.get(source) ?? '');
  const paths = source === undefined ? words.slice(0, -1) : words.slice(1, -1);
  const target = join(stage.cwd, words.at(-1) ?? '');
  for (const path of paths) {
    const into = words.at(-1)?.endsWith('/') === true ? join(target, basename(path)) : target;
    cpSync(join(base, path), into, { recursive: true, verbatimSymlinks: true });
  }
}

/** @throws with the output unless the command exits with 0 */
async function run(
  command: string,
  args: readonly string[],
  { cwd, env }: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
): Promise<void> {
  const child = spawn(command, args, {
    cwd,
    env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  const code = await new Promise<number>((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} exited with ${code}:\n${printed}`);
}
