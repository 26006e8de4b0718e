// The types of browser.mjs, for the tests.
export interface BrowserPage {
  /** What the page's console says in red. */
  readonly problems: readonly string[];
  /** Resolves with the value of an expression in the page; rejects if it throws. */
  evaluate(expression: string): Promise<unknown>;
  /** A browser opens six connections to a server at most, and each page of ours holds one. */
  close(): Promise<unknown>;
  /** Resolves with a PNG of what is in view. */
  screenshot(): Promise<Buffer>;
}

export interface PageSize {
  readonly width?: number;
  readonly height?: number;
  readonly dark?: boolean;
}

export interface Browser {
  open(url: string, size?: PageSize): Promise<BrowserPage>;
  close(): Promise<void>;
}

export function findBrowser(): string;
export function openBrowser(command: string): Browser;
