// The owner of a session, as the session sees it: told of its phases, and asked to move its
// delivery. Types only.

export interface SessionHost {
  /** Called when the replay reaches the committed offset: outputs count from here on. */
  live(): void;
  failed(error: unknown): void;
  /** Called once the decision about the suspect is committed. */
  decided(): void;
  /** Asks the log to deliver from `position` again. */
  seek(position: number): void;
  setPaused(paused: boolean): void;
  /** How long the partition's fetches have gone unanswered, ms. */
  unansweredMs(): number;
}
