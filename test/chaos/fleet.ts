// The processes of a chaos run: the built program, several of it, each kept running as an init
// system would. Their output is kept in files, because a killed process tells nothing any more.
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { semanticsEnv } from '../integration/pipeline.ts';
import { eventually, startProgram, type Program } from '../integration/program.ts';
import type { Crash, Freeze } from './schedule.ts';

export interface FleetOptions {
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  readonly sessionMs: number;
  readonly transactionMs: number;
  /** Resolves once a program can be started: its broker is there. */
  readonly canStart: () => Promise<void>;
  readonly note: (line: string) => void;
}

export interface FleetCounts {
  started: number;
  killed: number;
  frozen: number;
  drained: number;
  /** Ended without being asked to. */
  exits: number;
  clockSteps: number;
  /** Memberships of the processing group, each a rebalance for those who are in it. */
  joins: number;
  /** Times a shard was found to belong to another, or a commit's fate was unknown. */
  recoveries: number;
}

const crashPoints = join(import.meta.dirname, 'crash-points.cjs');
const stepClock = join(import.meta.dirname, '../integration/threads/step-clock.cjs');
// A machine that other work keeps busy is no fault of the program's.
const patienceMs = 90_000;

export class Fleet {
  readonly counts: FleetCounts = {
    started: 0,
    killed: 0,
    frozen: 0,
    drained: 0,
    exits: 0,
    clockSteps: 0,
    joins: 0,
    recoveries: 0,
  };
  readonly #options: FleetOptions;
  readonly #residents: Program[] = [];
  readonly #alive: Set<Program> = new Set();
  readonly #asked: WeakSet<Program> = new WeakSet();
  readonly #clocks: WeakMap<Program, string> = new WeakMap();

  constructor(options: FleetOptions) {
    this.#options = options;
  }

  /** Starts the processes that stay, and starts each again whenever it ends. */
  async startResidents(count: number): Promise<void> {
    for (let member = 0; member < count; member += 1) await this.#startResident(member);
    await this.ready();
  }

  async killResident(member: number): Promise<void> {
    const program = this.#resident(member);
    await this.#kill(program);
    await this.#restarted(member, program);
  }

  async drainResident(member: number): Promise<void> {
    const program = this.#resident(member);
    await this.#drain(program);
    await this.#restarted(member, program);
  }

  /** Every process alive, residents or not. */
  async pauseEverybody(forMs: number): Promise<void> {
    const programs = [...this.#alive];
    for (const program of programs) program.signal('SIGSTOP');
    await sleep(forMs);
    for (const program of programs) program.signal('SIGCONT');
  }

  async pauseResidents(members: readonly number[], forMs: number): Promise<void> {
    const programs = members.map((member) => this.#resident(member));
    this.counts.frozen += programs.length;
    for (const program of programs) program.signal('SIGSTOP');
    await sleep(forMs);
    for (const program of programs) program.signal('SIGCONT');
  }

  /** Sets the wall clock of a resident, which stays so until it ends; then it, or its successor, must be ready. */
  async stepClock(member: number, byMs: number): Promise<void> {
    const file = this.#clocks.get(this.#resident(member)) ?? '';
    // Whole at once: the program may look at any moment.
    writeFileSync(`${file}.next`, String(byMs));
    renameSync(`${file}.next`, file);
    this.counts.clockSteps += 1;
    await sleep(2 * this.#options.sessionMs);
    await this.#ready(member);
  }

  /** Starts a process that must not stay; returns its exit code and all it printed. */
  async startRefused(
    env: Readonly<Record<string, string>>,
  ): Promise<{ readonly code: number | NodeJS.Signals | null; readonly output: string }> {
    const program = await this.#start('refused', env, true);
    const late = sleep(patienceMs).then(() => program.kill());
    const code = await program.exited();
    void late;
    return { code, output: program.output() };
  }

  /** Where each of those alive answers. */
  urls(): readonly string[] {
    return [...this.#alive].map(({ url }) => url);
  }

  /** A member more that dies at the point. Returns whether it got there. */
  async crash({ point, nth }: Crash): Promise<boolean> {
    const program = await this.#start('crash', { SENSORIUM_CRASH_AT: `${point}:${nth}` }, true);
    const reached = await this.#reaches(program, `"reached":"${point}"`);
    if (!reached) await this.#kill(program);
    else this.counts.killed += 1;
    await program.exited();
    return reached;
  }

  /** A member more that freezes at the point, comes back and leaves. Returns whether it got there. */
  async freeze({ point, nth, forMs }: Freeze): Promise<boolean> {
    const program = await this.#start('freeze', { SENSORIUM_FREEZE_AT: `${point}:${nth}` });
    const reached = await this.#reaches(program, `"reached":"${point}"`);
    if (reached) {
      this.counts.frozen += 1;
      await sleep(forMs);
      program.signal('SIGCONT');
      // It now sends whatever it was about to send.
      await sleep(2_000);
    }
    await this.#drain(program);
    return reached;
  }

  /** Drains all; returns their exit codes. */
  async stop(): Promise<readonly (number | NodeJS.Signals | null)[]> {
    const programs = [...this.#alive];
    for (const program of programs) this.#asked.add(program);
    return Promise.all(programs.map((program) => program.stop()));
  }

  /** Whether all residents answer that they are ready. */
  async ready(): Promise<void> {
    await Promise.all(this.#residents.map((_, member) => this.#ready(member)));
  }

  /** Last output of each live process. */
  output(): string {
    return [...this.#alive].map((program) => program.output().slice(-3_000)).join('\n');
  }

  killAll(): void {
    for (const program of this.#alive) {
      this.#asked.add(program);
      program.signal('SIGKILL');
    }
  }

  #resident(member: number): Program {
    const program = this.#residents[member];
    if (program === undefined) throw new Error(`there is no member ${member}`);
    return program;
  }

  async #startResident(member: number): Promise<void> {
    const program = await this.#start(`member-${member}`, {});
    this.#residents[member] = program;
    void program.exited().then(async () => {
      if (!this.#asked.has(program)) await this.#startResident(member);
    });
  }

  /** Waits for the successor of `before` to be ready. */
  async #restarted(member: number, before: Program): Promise<void> {
    if (this.#resident(member) === before) await this.#startResident(member);
    await this.#ready(member).catch((error: unknown) =>
      this.#options.note(`member ${member}: ${String(error)}`),
    );
  }

  /** Waits until the member is ready; another lane may end it meanwhile, and then its successor must be. */
  #ready(member: number): Promise<void> {
    return eventually(() => this.#resident(member).ready(0), { timeoutMs: patienceMs });
  }

  async #start(
    name: string,
    env: Readonly<Record<string, string>>,
    dies: boolean = false,
  ): Promise<Program> {
    await this.#options.canStart();
    const { folder, sessionMs, transactionMs } = this.#options;
    const run = `${String(++this.counts.started).padStart(4, '0')}-${name}`;
    const dataDir = join(folder, 'data', run);
    mkdirSync(dataDir, { recursive: true });
    const clock = join(dataDir, 'clock-step');
    const program = await startProgram({
      ...semanticsEnv,
      SNAPSHOT_INTERVAL_MS: '3000',
      WORKERS: '1',
      SESSION_TIMEOUT_MS: String(sessionMs),
      TRANSACTION_TIMEOUT_MS: String(transactionMs),
      DATA_DIR: dataDir,
      NODE_OPTIONS: `--require ${crashPoints} --require ${stepClock}`,
      CLOCK_STEP: clock,
      ...this.#options.env,
      ...env,
    });
    this.#alive.add(program);
    this.#clocks.set(program, clock);
    if (dies) this.#asked.add(program);
    void program.exited().then((code) => {
      this.#alive.delete(program);
      const output = program.output();
      writeFileSync(join(folder, `${run}.log`), output);
      this.counts.joins += countOf(output, /joined the group/g);
      this.counts.recoveries += countOf(
        output,
        /dropped its memory and will recover|shard fenced/g,
      );
      if (this.#asked.has(program)) return;
      this.counts.exits += 1;
      this.#options.note(`${run} ended by itself with ${String(code)}: see ${run}.log`);
    });
    return program;
  }

  /** Waits until the program's output contains the text; false when it does not in time. */
  async #reaches(program: Program, text: string): Promise<boolean> {
    const deadline = Date.now() + patienceMs;
    let ended = false;
    void program.exited().then(() => (ended = true));
    while (!program.output().includes(text)) {
      if (ended || Date.now() > deadline) return program.output().includes(text);
      await sleep(50);
    }
    return true;
  }

  async #kill(program: Program): Promise<void> {
    this.#asked.add(program);
    this.counts.killed += 1;
    await program.kill();
  }

  async #drain(program: Program): Promise<void> {
    this.#asked.add(program);
    this.counts.drained += 1;
    const code = await program.stop();
    if (code !== 0) this.#options.note(`a drain ended with ${String(code)}`);
  }
}

function countOf(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0;
}
