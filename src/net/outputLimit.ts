/** client-output-buffer-limit of a class of clients; 0 means no limit. */
export interface OutputLimit {
  readonly hardBytes: number;
  readonly softBytes: number;
  readonly softSeconds: number;
}

/** Watches one connection: over the hard limit is too much at once, over the soft one when it lasts. */
export class OutputGuard {
  /** Since when the soft limit is passed; 0 while it is not. */
  #overSinceMs = 0;

  isTooMuch(bytes: number, { hardBytes, softBytes, softSeconds }: OutputLimit, nowMs: number): boolean {
    let lasted = false;
    if (softBytes === 0 || bytes < softBytes) this.#overSinceMs = 0;
    else if (this.#overSinceMs === 0) this.#overSinceMs = nowMs;
    else lasted = nowMs - this.#overSinceMs > softSeconds * 1000;
    return lasted || (hardBytes > 0 && bytes >= hardBytes);
  }

  /** All has been sent. */
  relax(): void {
    this.#overSinceMs = 0;
  }
}
