// The exports: records → rows of readings, the fold of plain rows, the text of feature rows.
export * from './layout';
export { scan } from './record-scanner';
export { foldRows } from './fold';
export { writeRow } from './row';
