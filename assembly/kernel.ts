// What the host calls: records → rows of readings, the fold of those rows that are plain, and the
// text of feature rows.
export * from './layout';
export { scan } from './record-scanner';
export { foldRows } from './fold';
export { writeRow } from './row';
