// The consumer group of the simulation: round robin over the living; every member hears of a new assignment at its own
// time, so two may believe they own a partition. Fetches take time and cannot be called back: a batch asked for before
// a seek still arrives after it, and batches may begin before the offset asked for, as Kafka's record batches do.
import { UnavailableError } from '../../src/errors.ts';
import type { FetchedBatch, GroupListener, GroupMember } from '../../src/log/event-log.ts';
import type { TopicPartition } from '../../src/records/record.ts';
import type { Life } from './simulated-life.ts';
import type { Scheduler } from './scheduler.ts';

export interface GroupLog {
  keys(): readonly string[];
  end(partition: TopicPartition): number;
  /** Records [from, to) as an answer to a fetch at `fetchOffset`. */
  batch(partition: TopicPartition, from: number, to: number, fetchOffset: number): FetchedBatch;
}

interface Member {
  readonly topics: readonly string[];
  readonly listener: GroupListener;
  readonly life: Life;
  assigned: Set<string>;
  started: Map<string, Delivery>;
  generation: number;
  left: boolean;
}

interface Delivery {
  position: number;
  seeks: number;
  paused: boolean;
}

export const keyOf = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;
export const placeOf = (key: string): TopicPartition => {
  const at = key.lastIndexOf('/');
  return { topic: key.slice(0, at), partition: Number(key.slice(at + 1)) };
};

const fetchRecordsMax = 50;

export class SimulatedGroup {
  readonly #scheduler: Scheduler;
  readonly #log: GroupLog;
  readonly #members: Set<Member> = new Set();
  #generation = 0;

  constructor(scheduler: Scheduler, log: GroupLog) {
    this.#scheduler = scheduler;
    this.#log = log;
  }

  join(topics: readonly string[], listener: GroupListener, life: Life): GroupMember {
    const member: Member = {
      topics,
      listener,
      life,
      assigned: new Set(),
      started: new Map(),
      generation: 0,
      left: false,
    };
    this.#members.add(member);
    this.rebalance();
    return {
      start: (partition, from) => this.#start(member, keyOf(partition), from),
      pause: (partition) => setPaused(member, partition, true),
      resume: (partition) => setPaused(member, partition, false),
      heartbeatAfterNow: () => this.#heartbeat(member),
      unconfirmedMs: () => (member.left || !this.#members.has(member) ? Infinity : 0),
      unansweredMs: () => 0,
      leave: async () => {
        if (member.left) return;
        member.left = true;
        this.#members.delete(member);
        member.assigned.clear();
        member.started.clear();
        this.rebalance();
        await Promise.resolve();
      },
    };
  }

  /** @throws UnavailableError unless the member of `life` is of the current generation, as the broker asks. */
  assertCurrent(life: Life): void {
    const own = [...this.#members].find((member) => member.life === life);
    if (own?.generation !== this.#generation) throw new UnavailableError('rebalance in progress');
  }

  /** The member of `life` can neither stay nor come back, and hears so. */
  fail(life: Life): void {
    for (const member of this.#members) {
      if (member.life !== life) continue;
      life.run(() => member.listener.onFailed(new UnavailableError('membership lost')));
    }
  }

  /**
   * The session of a process that is frozen, or silent until `silentUntilMs`, runs out: its partitions go to others, and
   * it hears of it once it is thawed or speaks again.
   */
  expire(process: Life, silentUntilMs: number = -Infinity): void {
    const expired = [...this.#members].filter(({ life }) => life.isOf(process));
    if (expired.length === 0) return;
    for (const member of expired) {
      const { life } = member;
      this.#members.delete(member);
      life.run(() => {
        // Its next heartbeat is refused; until then it believes it owns everything it had.
        const silentMs = Math.max(0, silentUntilMs - this.#scheduler.nowMs);
        this.#scheduler.after(silentMs + this.#scheduler.random() * 500, () =>
          life.run(() => {
            if (member.left) return;
            this.#assign(member, new Set());
            this.#members.add(member);
            this.rebalance();
          }),
        );
      });
    }
    this.rebalance();
  }

  rebalance(): void {
    for (const member of this.#members) if (!member.life.alive) this.#members.delete(member);
    const members = [...this.#members];
    const shares = new Map(members.map((member) => [member, new Set<string>()]));
    const topics = members[0]?.topics ?? [];
    const keys = this.#log.keys().filter((key) => topics.includes(placeOf(key).topic));
    keys.forEach((key, i) => {
      const member = members[i % members.length];
      if (member !== undefined) shares.get(member)?.add(key);
    });
    const generation = (this.#generation += 1);
    for (const [member, share] of shares) {
      this.#scheduler.after(this.#scheduler.random() * 500, () =>
        member.life.run(() => {
          if (generation < this.#generation || !this.#members.has(member)) return;
          member.generation = generation;
          this.#assign(member, share);
        }),
      );
    }
  }

  #start(member: Member, key: string, from: number): void {
    if (!member.assigned.has(key)) return;
    const known = member.started.get(key);
    if (known !== undefined) {
      known.paused = false;
      return seek(known, from);
    }
    const begun = { position: from, seeks: 0, paused: false };
    member.started.set(key, begun);
    this.#poll(member, key, begun);
  }

  /** A heartbeat of an older generation does not succeed: the member must rejoin first. */
  #heartbeat(member: Member): Promise<void> {
    return new Promise((resolve) => {
      const beat = (): void => {
        if (member.generation === this.#generation) resolve();
        else this.#scheduler.after(100, () => member.life.run(beat));
      };
      this.#scheduler.after(100, () => member.life.run(beat));
    });
  }

  #assign(member: Member, share: ReadonlySet<string>): void {
    const removed = [...member.assigned].filter((key) => !share.has(key));
    const added = [...share].filter((key) => !member.assigned.has(key));
    member.assigned = new Set(share);
    for (const key of removed) member.started.delete(key);
    for (const [key, begun] of member.started) {
      seek(begun, member.listener.positionOf(placeOf(key)) ?? begun.position);
    }
    member.listener.onRevoked(removed.map(placeOf));
    member.listener.onAssigned(added.map(placeOf));
  }

  #poll(member: Member, key: string, begun: Delivery): void {
    const { random } = this.#scheduler;
    const gone = (): boolean => member.started.get(key) !== begun;
    // A fetch that finds nothing waits at the broker for a while.
    const place = placeOf(key);
    const longPoll = begun.position >= this.#log.end(place) ? 150 : 0;
    this.#scheduler.after(5 + longPoll + random() * 50, () =>
      member.life.run(() => {
        if (gone()) return;
        const end = this.#log.end(place);
        const { position: from, seeks } = begun;
        const nothing = begun.paused || from >= end || member.life.fetchesStalled;
        if (nothing) return this.#poll(member, key, begun);
        const to = Math.min(end, from + 1 + Math.floor(random() * fetchRecordsMax));
        const first = Math.max(0, from - Math.floor(random() * 3));
        const batch = this.#log.batch(place, first, to, from);
        this.#scheduler.after(random() * 20, () =>
          member.life.run(() => {
            if (gone()) return;
            if (begun.seeks === seeks) begun.position = batch.nextOffset;
            void member.listener.onBatch(batch).then(() => this.#poll(member, key, begun));
          }),
        );
      }),
    );
  }
}

function seek(begun: Delivery, position: number): void {
  begun.position = position;
  begun.seeks += 1;
}

function setPaused(member: Member, partition: TopicPartition, paused: boolean): void {
  const begun = member.started.get(keyOf(partition));
  if (begun !== undefined) begun.paused = paused;
}
