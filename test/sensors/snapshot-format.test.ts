// A snapshot whose counts fit but whose contents contradict each other must not become a state.
import { describe, expect, it } from 'vitest';

import { CorruptSnapshotError } from '../../src/errors.ts';
import { paneBaseStride } from '../../src/sensors/pane-layout.ts';
import { paneCount, paneWindowEnd } from '../../src/sensors/pane.ts';
import { restoreShardState } from '../../src/sensors/shard-state.ts';
import { decodeState, encodeState, type SnapshotParts } from '../../src/sensors/snapshot-format.ts';
import { forgettingSemantics, forgettingState, knownSemantics, knownState } from './known-state.ts';

const own = { watermark: 'own' } as const;
const parts = (): SnapshotParts => decodeState(knownState('adaptive').snapshot());

const contradictions: Readonly<Record<string, (parts: SnapshotParts) => Partial<SnapshotParts>>> = {
  'a pane of a sensor that is not there': ({ paneSlots }) => ({ paneSlots: paneSlots.with(0, 3) }),
  'an unknown lifecycle state': ({ lifecycle }) => ({ lifecycle: lifecycle.with(0, 4) }),
  'an id twice': ({ ids }) => ({ ids: ids.with(-1, '1'.charCodeAt(0)) }),
  'ids longer than their bytes': ({ idLengths }) => ({ idLengths: idLengths.with(0, 99) }),
  'ids shorter than their bytes': ({ idLengths }) => ({ idLengths: idLengths.with(0, 1) }),
  'windows out of order': ({ panes }) => ({ panes: panes.with(paneWindowEnd, 9e15) }),
  'a window end that is no number': ({ panes }) => ({ panes: panes.with(paneWindowEnd, NaN) }),
  'a pane without readings': ({ panes }) => ({ panes: panes.with(paneBaseStride + paneCount, 0) }),
  'a baseline of another layout': () => ({ baselineStride: 0, baselines: new Float64Array(0) }),
  'a pane of another layout': () => ({ paneStride: 0, panes: new Float64Array(0) }),
  'a watermark that is no number': () => ({ watermarkMs: NaN }),
};

describe('a snapshot is refused as corrupt when it holds', () => {
  it.each(Object.entries(contradictions))('%s', (_name, contradict) => {
    const whole = parts();
    const bytes = encodeState({ ...whole, ...contradict(whole) });

    expect(() => restoreShardState(bytes, knownSemantics('adaptive'), own)).toThrow(
      CorruptSnapshotError,
    );
  });
});

it('a snapshot is refused as corrupt when it holds a last end of a window that is no number', () => {
  const whole = decodeState(forgettingState('adaptive').snapshot());
  const bytes = encodeState({ ...whole, lastEndsMs: Float64Array.of(NaN, 0, 0) });

  expect(() => restoreShardState(bytes, forgettingSemantics('adaptive'), own)).toThrow(
    CorruptSnapshotError,
  );
});

it('decode ∘ encode is the identity', () => {
  const forgetting = decodeState(forgettingState('adaptive').snapshot());

  expect(decodeState(encodeState(parts()))).toEqual(parts());
  expect(decodeState(encodeState(forgetting))).toEqual(forgetting);
});
