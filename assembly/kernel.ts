// What the host calls: records → rows of readings, and the fold of those rows that are plain.
export * from './layout';
export { scan } from './record-scanner';
export { foldRows } from './fold';
