/** CLIENT PAUSE: until when requests wait, and which. */
export class PauseState {
  untilMs = 0;
  writesOnly = false;
  /** A failover holds writes back, whatever clients say. */
  failingOver = false;

  activeAt(nowMs: number): boolean {
    return this.failingOver || nowMs < this.untilMs;
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
