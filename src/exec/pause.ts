/** CLIENT PAUSE: until when requests wait, and which. */
export class PauseState {
  untilMs = 0;
  writesOnly = false;

  activeAt(nowMs: number): boolean {
    return nowMs < this.untilMs;
  }

  /** A longer or stricter pause wins over the one in force. */
  start(untilMs: number, writesOnly: boolean, nowMs: number): void {
    const active = this.activeAt(nowMs);
    this.untilMs = active ? Math.max(this.untilMs, untilMs) : untilMs;
    this.writesOnly = active ? this.writesOnly && writesOnly : writesOnly;
  }

  end(): void {
    this.untilMs = 0;
  }
}
