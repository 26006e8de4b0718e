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
export const placePresence: usize = 72;

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
export const numberLongDecay: usize = 128;
export const numberStuckAfter: usize = 136;
export const numberSilentLeastMs: usize = 144;
export const numberSilentGapMs: usize = 152;

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

// Of a slot of a robust baseline, in bytes: src/sensors/robust-slot.ts.
export const robustLevel: usize = 0;
export const robustStepMean: usize = 32;
export const robustStepSquares: usize = 40;
export const robustShortSurprise: usize = 48;
export const robustLongSurprise: usize = 56;
export const robustShortWeight: usize = 64;
export const robustLongWeight: usize = 72;
export const robustUsualWeight: usize = 80;
export const robustUsualShort: usize = 88;
export const robustUsualShortSquares: usize = 96;
export const robustUsualLong: usize = 104;
export const robustUsualLongSquares: usize = 112;
export const robustPreviousReading: usize = 120;
export const robustLeastStep: usize = 128;
export const robustRangeLow: usize = 136;
export const robustRangeHigh: usize = 144;
export const robustRun: usize = 152;
export const robustRunMax: usize = 160;
export const robustRepeats: usize = 168;
export const robustContext: usize = 176;
export const robustContextMean: usize = 208;
export const robustContextSquares: usize = 240;
export const robustReference: usize = 272;
export const robustReferenceCount: usize = 304;
export const robustDistanceMax: usize = 312;
export const robustBins: usize = 320;
export const robustVisit: usize = 384;
export const robustVisitMean: usize = 392;
export const robustVisitCount: usize = 400;
export const robustFirstVisit: usize = 408;
export const robustResidualSquares: usize = 416;
export const robustResidualWeight: usize = 424;
export const robustRestLeft: usize = 432;
export const robustLearned: usize = 440;
export const robustWildReadings: usize = 448;

// Of the presence of a sensor, in bytes: src/sensors/presence-slot.ts.
export const presenceHeardMs: usize = 0;
export const presenceOffline: usize = 8;
export const presenceUsualGapMs: usize = 16;
export const presenceGaps: usize = 24;
export const presenceValue: usize = 32;
export const presenceRun: usize = 40;
export const presenceRunSinceMs: usize = 48;

export const presenceBytes: usize = 56;

export const robustBytes: usize = 456;

export const surpriseMax: f64 = 20;
export const spreadMin: f64 = 0.1;
export const settleReadings: f64 = 50;
export const alarmScore: f64 = 3;
export const calmScore: f64 = 1;
export const rangeGain: f64 = 60;
export const robustShort: f64 = 12;
export const robustLong: f64 = 72;
export const robustSurpriseMax: f64 = 20;
export const robustSpreadMin: f64 = 0.1;
export const robustSettle: f64 = 50;
export const robustWarm: f64 = 150;
export const clipFrom: f64 = 8;
export const clipSpreads: f64 = 32;
export const robustRangeGain: f64 = 40;
export const firstWildShare: f64 = 0.25;
export const stuckRunMin: f64 = 5;
export const contextGain: f64 = 15;
export const logVarianceMin: f64 = 1e-24;
export const roughnessPrior: f64 = 763.5;
export const contextLeft: f64 = 1.5;
export const referenceMax: f64 = 200;
export const dayBins: f64 = 8;
export const profileVisits: f64 = 24;
export const profileDaysMax: f64 = 14;
export const profileShare: f64 = 0.6;
export const residualsMin: f64 = 10;
export const dayBinMs: f64 = 10800000;
export const unknownBin: f64 = 2e150;
export const roundingShare: f64 = 9.094947017729282e-13;
export const floorMin: f64 = 1e-150;
export const gapGrowth: f64 = 4;
export const gapDecay: f64 = 80;
