// The fold of src/sensors/shard-state.ts for the rows of a scan that are plain: a known sensor that
// is not set aside, an open pane, in time, nothing flagged, no change of presence, and after it no
// window to close and no sensor to look through. Such a row has no outputs. Every other is left to
// the host, untouched: it decides before it writes.
import {
  isWarm,
  learnAdaptive,
  learnCumulative,
  learnRobust,
  score,
  useBaseline,
} from './baseline';
import {
  linkBytes,
  numberCalmReading,
  numberDecay,
  numberFastLeadMs,
  numberFastRows,
  numberFastestLeadMs,
  numberLeadMaxMs,
  numberLongDecay,
  numberMaxAheadMs,
  numberMaxEventTimeMs,
  numberNextStopMs,
  numberShortDecay,
  numberThreshold,
  numberUntil,
  numberWarmReadings,
  numberWatermarkDelayMs,
  numberWatermarkMs,
  numberWindowMs,
  paneLastOffset,
  paneMax,
  paneMin,
  paneScoreMax,
  paneWindowEnd,
  placeArena,
  placeBaselineBytes,
  placeBaselines,
  placeEntries,
  placeEntriesMask,
  placeFastestSlot,
  placeHashKeyHigh,
  placeHashKeyLow,
  placeHeads,
  placeIdCount,
  placeIdStarts,
  placeLastSlot,
  placeLifecycle,
  placeLinks,
  placeMethod,
  placePaneBytes,
  placePanes,
  placePresence,
  placeQuarantined,
  presenceBytes,
  sensorLink,
} from './host-layout';
import { find, last, useTable } from './id-table';
import {
  afterRead,
  afterReadWarm,
  idEnds,
  idStarts,
  kinds,
  numbers,
  offsets,
  places,
  recordTimesMs,
  timestampsMs,
  values,
  window,
} from './layout';
import { isHeardLately, isPresenceKept, learnPresence } from './presence';
import { keyedReading } from './record-scanner';
import { welfordAdd } from './statistics';

const cumulative: u32 = 0;
const adaptive: u32 = 1;

/**
 * Folds rows from `row` on, up to `rows` (exclusive), and returns the first that it left to the
 * host.
 */
export function foldRows(row: i32, rows: i32): i32 {
  useTable(
    load<u32>(places, placeEntries),
    load<u32>(places, placeEntriesMask),
    load<u32>(places, placeIdStarts),
    load<u32>(places, placeArena),
    load<i32>(places, placeIdCount),
    load<i32>(places, placeLastSlot),
    load<u32>(places, placeHashKeyLow),
    load<u32>(places, placeHashKeyHigh),
  );
  const lifecycle: usize = load<u32>(places, placeLifecycle);
  const quarantined = load<u32>(places, placeQuarantined);
  const baselines: usize = load<u32>(places, placeBaselines);
  const baselineBytes: usize = load<u32>(places, placeBaselineBytes);
  const method = load<u32>(places, placeMethod);
  const panes: usize = load<u32>(places, placePanes);
  const paneBytes: usize = load<u32>(places, placePaneBytes);
  const links: usize = load<u32>(places, placeLinks);
  const heads: usize = load<u32>(places, placeHeads);
  const presences: usize = load<u32>(places, placePresence);
  const until = load<f64>(numbers, numberUntil);
  const windowMs = load<f64>(numbers, numberWindowMs);
  const maxAheadMs = load<f64>(numbers, numberMaxAheadMs);
  const watermarkDelayMs = load<f64>(numbers, numberWatermarkDelayMs);
  let watermarkMs = load<f64>(numbers, numberWatermarkMs);
  let maxEventTimeMs = load<f64>(numbers, numberMaxEventTimeMs);
  const nextStopMs = load<f64>(numbers, numberNextStopMs);
  const leadMaxMs = load<f64>(numbers, numberLeadMaxMs);
  const fastLeadMs = load<f64>(numbers, numberFastLeadMs);
  let fastRows: f64 = 0;
  let fastestLeadMs: f64 = 0;
  let fastestSlot: i32 = 0;
  useBaseline(
    load<f64>(numbers, numberThreshold),
    load<f64>(numbers, numberWarmReadings),
    load<f64>(numbers, numberDecay),
    load<f64>(numbers, numberShortDecay),
    load<f64>(numbers, numberLongDecay),
    load<f64>(numbers, numberCalmReading),
  );

  let next = row;
  for (; next < rows; next += 1) {
    const at4 = (<usize>next) << 2;
    const at8 = (<usize>next) << 3;
    if (load<u8>(kinds + <usize>next) != keyedReading) break;
    const offset = load<f64>(offsets + at8);
    if (offset >= until) break;
    const timestampMs = load<f64>(timestampsMs + at8);
    const recordTimeMs = load<f64>(recordTimesMs + at8);
    const leadMs = timestampMs - recordTimeMs;
    if (leadMs > maxAheadMs) break;
    const isHeld = leadMs > leadMaxMs && recordTimeMs > 0;
    const eventTimeMs = isHeld ? recordTimeMs : timestampMs;
    const windowEndMs = floor(timestampMs / windowMs) * windowMs + windowMs;
    if (windowEndMs <= watermarkMs) break;
    const candidateMs = eventTimeMs - watermarkDelayMs;
    if (eventTimeMs > maxEventTimeMs && candidateMs >= nextStopMs) break;

    const idStart: usize = load<i32>(idStarts + at4);
    const slot = find(window + idStart, <usize>load<i32>(idEnds + at4) - idStart);
    if (slot < 0) break;
    const state: u32 = load<u8>(lifecycle + <usize>slot);
    if (state == quarantined) break;
    const head = load<i32>(heads + ((<usize>slot) << 2)) - 1;
    const pane = paneOf(head, windowEndMs, panes, paneBytes, links);
    if (pane == 0) break;

    const value = load<f64>(values + at8) + 0; // −0 becomes 0
    const baseline = baselines + <usize>slot * baselineBytes;
    const presence = presences + <usize>slot * presenceBytes;
    if (presences != 0) {
      if (!isPresenceKept(presence, value)) break;
      if (!isHeardLately(presence, eventTimeMs, watermarkMs)) break;
    }
    if (!learn(method, baseline, value, timestampMs)) break;
    if (presences != 0) learnPresence(presence, value, eventTimeMs);
    welfordAdd(pane, value);
    if (value < load<f64>(pane, paneMin)) store<f64>(pane, value, paneMin);
    if (value > load<f64>(pane, paneMax)) store<f64>(pane, value, paneMax);
    if (score > load<f64>(pane, paneScoreMax)) store<f64>(pane, score, paneScoreMax);
    store<f64>(pane, offset, paneLastOffset);
    const nextState: u32 = load<u8>((isWarm ? afterReadWarm : afterRead) + <usize>state);
    if (nextState != state) store<u8>(lifecycle + <usize>slot, nextState);

    if (eventTimeMs > maxEventTimeMs) {
      maxEventTimeMs = eventTimeMs;
      if (candidateMs > watermarkMs) watermarkMs = candidateMs;
    }
    if (isHeld && leadMs > fastLeadMs) {
      fastRows += 1;
      if (leadMs > fastestLeadMs) {
        fastestLeadMs = leadMs;
        fastestSlot = slot;
      }
    }
  }
  store<i32>(places, last, placeLastSlot);
  store<f64>(numbers, watermarkMs, numberWatermarkMs);
  store<f64>(numbers, maxEventTimeMs, numberMaxEventTimeMs);
  store<f64>(numbers, fastRows, numberFastRows);
  store<f64>(numbers, fastestLeadMs, numberFastestLeadMs);
  store<i32>(places, fastestSlot, placeFastestSlot);
  return next;
}

function learn(method: u32, baseline: usize, value: f64, timestampMs: f64): bool {
  if (method == cumulative) return learnCumulative(baseline, value);
  if (method == adaptive) return learnAdaptive(baseline, value);
  return learnRobust(baseline, value, timestampMs);
}

/**
 * Returns where the sensor's pane of the window that ends at `windowEndMs` lies, from `head` on; 0
 * where there is none.
 */
function paneOf(head: i32, windowEndMs: f64, panes: usize, paneBytes: usize, links: usize): usize {
  for (let pane = head; pane >= 0;) {
    const at = panes + <usize>pane * paneBytes;
    if (load<f64>(at, paneWindowEnd) == windowEndMs) return at;
    pane = load<i32>(links + <usize>pane * linkBytes, sensorLink);
  }
  return 0;
}
