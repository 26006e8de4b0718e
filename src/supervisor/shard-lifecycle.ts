// The life cycle of a shard as its worker reports it. The report is authoritative: if the machine
// does not allow it, it is counted and logged, and the machine follows the report.
//
//   assigned ─RESTORE─▶ restoring ─REPLAY─▶ replaying ─RUN─▶ running ─DRAIN─▶ draining ─RELEASE─▶ released
//                        ▲  │ ▲                 │            ▲  │
//                        │  └─┼────── RUN ──────┼────────────┘  │                 (nothing to replay)
//                        │    └──── RESTORE ────┴───────────────┘                 (drop memory, recover)
//                        └── RESTORE ── recovering, draining, released, fenced, failed
//   restoring, replaying, running, draining ─RECOVER─▶ recovering   (memory dropped, a pause before it tries again)
//   any but released ─RELEASE─▶ released   (revoked, drained)
//   any but released ─FENCE──▶ fenced      (another owner took over)
//   any but released ─FAIL───▶ failed
import type { ShardPhase } from '../actors/protocol.ts';
import type { MachineDefinition } from './lifecycle.ts';

export type ShardTransition =
  'ASSIGN' | 'RESTORE' | 'REPLAY' | 'RUN' | 'RECOVER' | 'DRAIN' | 'RELEASE' | 'FENCE' | 'FAIL';

/** The transition by which a shard enters a phase; every phase has exactly one. */
export const transitionInto: Readonly<Record<ShardPhase, ShardTransition>> = {
  assigned: 'ASSIGN',
  restoring: 'RESTORE',
  replaying: 'REPLAY',
  running: 'RUN',
  recovering: 'RECOVER',
  draining: 'DRAIN',
  released: 'RELEASE',
  fenced: 'FENCE',
  failed: 'FAIL',
};

const recover = { RECOVER: 'recovering' } as const;
const leave = { RELEASE: 'released', FENCE: 'fenced', FAIL: 'failed' } as const;

export const shardLifecycle: MachineDefinition<ShardPhase, ShardTransition> = {
  id: 'shard',
  initial: 'assigned',
  states: {
    assigned: { on: { RESTORE: 'restoring', ...leave } },
    restoring: { on: { REPLAY: 'replaying', RUN: 'running', ...recover, ...leave } },
    replaying: {
      on: { RUN: 'running', RESTORE: 'restoring', DRAIN: 'draining', ...recover, ...leave },
    },
    running: { on: { DRAIN: 'draining', RESTORE: 'restoring', ...recover, ...leave } },
    recovering: { on: { RESTORE: 'restoring', ...leave } },
    draining: { on: { RESTORE: 'restoring', ...recover, ...leave } },
    released: { on: { ASSIGN: 'assigned', RESTORE: 'restoring' } },
    fenced: {
      on: { ASSIGN: 'assigned', RESTORE: 'restoring', RELEASE: 'released', FAIL: 'failed' },
    },
    failed: {
      on: { ASSIGN: 'assigned', RESTORE: 'restoring', RELEASE: 'released', FENCE: 'fenced' },
    },
  },
};
