// Everything that the faults of a chaos run can act on.
import type { LoggedRecord } from '../../property-tests/models/pipeline-oracle.ts';
import type { EventLog } from '../../src/log/event-log.ts';
import type { ThreeBrokers } from '../cluster/three-brokers.ts';
import type { OwnServices } from '../integration/own-services.ts';
import type { TestTopics } from '../integration/topics.ts';
import type { Fleet } from './fleet.ts';
import type { RowsWatcher, StoreWatcher } from './watchers.ts';

/** Of whoever tells a process what to do. */
export const operatorToken = 'operator';

export interface ChaosPlan {
  readonly seed: number;
  readonly minutes: number;
  readonly perSecond: number;
  /** Kinds of faults, to have a close look at them; all of them where empty. */
  readonly only: readonly string[];
  /** Three brokers instead of one. */
  readonly cluster: boolean;
  /** Empty; keeps the logs of every process and service. */
  readonly folder: string;
  readonly print: (line: string) => void;
}

export interface Bench {
  readonly plan: ChaosPlan;
  readonly services: OwnServices;
  /** The brokers, where there are three. */
  readonly cluster: ThreeBrokers | undefined;
  /** Nobody's own: the feed and the watchers have others. */
  readonly log: EventLog;
  readonly topics: TestTopics;
  readonly fleet: Fleet;
  readonly rows: RowsWatcher;
  readonly store: StoreWatcher;
  /** A partition of the input that the feed leaves free. */
  readonly spare: number;
  readonly broker: { up: Promise<void> };
  /** Records of the input that were deleted from it, by partition, in their order. */
  readonly trimmed: Map<number, readonly LoggedRecord[]>;
  readonly problems: string[];
  readonly unreached: string[];
  readonly note: (line: string) => void;
  faults: number;
}
