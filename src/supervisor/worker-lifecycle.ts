// The life of a supervised thread: a shard worker or the projector.
//
//                 JOINED             DRAIN              DRAINED
//   ┌─▶ starting ─────────▶ running ────────▶ draining ─────────▶ stopped
//   │      │  │                │                 │                   ▲
//   │      │  └──── DRAIN ─────┼────────▶ draining                   │
//   │      │ CRASHED           │ CRASHED         │ CRASHED           │
//   │      ▼                   ▼                 ▼                   │
//   └── backing-off ◀──────────┘               failed                │
//   RESTARTED │  └──────────────── DRAIN ────────────────────────────┘
//             └─ GAVE_UP ──▶ failed      (GAVE_UP also from starting and running: a restart is no cure)
import type { MachineDefinition } from './lifecycle.ts';

export type WorkerState =
  'starting' | 'running' | 'draining' | 'stopped' | 'backing-off' | 'failed';

export type WorkerTransition = 'JOINED' | 'DRAIN' | 'DRAINED' | 'CRASHED' | 'RESTARTED' | 'GAVE_UP';

export const workerLifecycle: MachineDefinition<WorkerState, WorkerTransition> = {
  id: 'worker',
  initial: 'starting',
  states: {
    starting: {
      on: { JOINED: 'running', DRAIN: 'draining', CRASHED: 'backing-off', GAVE_UP: 'failed' },
    },
    running: { on: { DRAIN: 'draining', CRASHED: 'backing-off', GAVE_UP: 'failed' } },
    draining: { on: { DRAINED: 'stopped', CRASHED: 'failed' } },
    'backing-off': { on: { RESTARTED: 'starting', DRAIN: 'stopped', GAVE_UP: 'failed' } },
    stopped: { type: 'final' },
    failed: { type: 'final' },
  },
};
