// Types of revision.mjs, for its test.
export interface Revision {
  readonly tree: string;
  readonly commit: string;
  readonly subject: string;
}

export declare function thisRevision(): Revision;
export declare function buildRevision(revision: string): Revision;
