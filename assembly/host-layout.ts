// Generated from src/sensors/ by `npm run generate`: what the kernel shares with the core.

// Of `places`, in bytes: src/sensors/row-kernel.ts.
export const placeEntries: usize = 0;
export const placeEntriesMask: usize = 4;
export const placeIdStarts: usize = 8;
export const placeArena: usize = 12;
export const placeIdCount: usize = 16;
export const placeLastSlot: usize = 20;
export const placeLifecycle: usize = 24;
export const placeQuarantined: usize = 28;
export const placeBaselines: usize = 32;
export const placeBaselineBytes: usize = 36;
export const placeMethod: usize = 40;
export const placePanes: usize = 44;
export const placePaneBytes: usize = 48;
export const placeLinks: usize = 52;
export const placeHeads: usize = 56;
export const placeFastestSlot: usize = 60;
export const placeHashKeyLow: usize = 64;
export const placeHashKeyHigh: usize = 68;

// Of `numbers`, in bytes.
export const numberUntil: usize = 0;
export const numberWindowMs: usize = 8;
export const numberMaxAheadMs: usize = 16;
export const numberWatermarkDelayMs: usize = 24;
export const numberWatermarkMs: usize = 32;
export const numberMaxEventTimeMs: usize = 40;
export const numberNextStopMs: usize = 48;
export const numberThreshold: usize = 56;
export const numberWarmReadings: usize = 64;
export const numberDecay: usize = 72;
export const numberShortDecay: usize = 80;
export const numberCalmReading: usize = 88;
export const numberLeadMaxMs: usize = 96;
export const numberFastLeadMs: usize = 104;
export const numberFastRows: usize = 112;
export const numberFastestLeadMs: usize = 120;

// Of a pane, in bytes: src/sensors/pane.ts.
export const paneMin: usize = 24;
export const paneMax: usize = 32;
export const paneScoreMax: usize = 56;
export const paneLastOffset: usize = 72;
export const paneWindowEnd: usize = 80;

// Of the links of a pane, in bytes.
export const sensorLink: usize = 4;
export const linkBytes: usize = 12;

// Of a slot of an adaptive baseline, in bytes: src/sensors/baseline-adaptive.ts.
export const slotLevel: usize = 0;
export const slotStep: usize = 32;
export const slotRecent: usize = 64;
export const slotPrevious: usize = 96;
export const slotSurprise: usize = 104;
export const slotSurpriseWeight: usize = 112;
export const slotLow: usize = 120;
export const slotHigh: usize = 128;
export const slotRest: usize = 136;
export const slotCount: usize = 144;

export const surpriseMax: f64 = 20;
export const spreadMin: f64 = 0.1;
export const settleReadings: f64 = 50;
export const alarmScore: f64 = 3;
export const calmScore: f64 = 1;
export const rangeGain: f64 = 60;
