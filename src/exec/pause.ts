/** CLIENT PAUSE: until when requests wait, and which. */
export class PauseState {
  untilMs = 0;
  writesOnly = false;
  /** Until when a failover holds writes back, whatever clients say; Infinity for as long as it takes. */
  failoverUntilMs = 0;

  /** When the pauses that have an end are over. */
  get endsAtMs(): number {
    return this.failoverUntilMs === Number.POSITIVE_INFINITY
      ? this.untilMs
      : Math.max(this.untilMs, this.failoverUntilMs);
  }

  activeAt(nowMs: number): boolean {
    return nowMs < this.untilMs || nowMs < this.failoverUntilMs;
  }

  /** A replica waits for the end of our stream: nothing may be added to it. */
  holdsStreamAt(nowMs: number): boolean {
    return nowMs < this.failoverUntilMs;
  }

  /** Whether all requests wait, while it is active. */
  holdsAllAt(nowMs: number): boolean {
    return nowMs < this.untilMs && !this.writesOnly;
  }

  /** A longer or stricter pause wins over the one in force. */
  start(untilMs: number, writesOnly: boolean, nowMs: number): void {
    const active = nowMs < this.untilMs;
    this.untilMs = active ? Math.max(this.untilMs, untilMs) : untilMs;
    this.writesOnly = active ? this.writesOnly && writesOnly : writesOnly;
  }

  end(): void {
    this.untilMs = 0;
  }
}
