/** Why the server itself holds writes back. */
export type HoldReason = 'failover' | 'shutdown';

/** CLIENT PAUSE: until when requests wait, and which. */
export class PauseState {
  untilMs = 0;
  writesOnly = false;
  /** Until when writes are held back whatever clients say; Infinity for as long as it takes. */
  readonly #holds = new Map<HoldReason, number>();
  #heldUntilMs = 0;

  hold(reason: HoldReason, untilMs: number): void {
    this.#holds.set(reason, untilMs);
    this.#heldUntilMs = Math.max(0, ...this.#holds.values());
  }

  release(reason: HoldReason): void {
    this.hold(reason, 0);
  }

  /** When the pauses that have an end are over. */
  get endsAtMs(): number {
    return this.#heldUntilMs === Number.POSITIVE_INFINITY ? this.untilMs : Math.max(this.untilMs, this.#heldUntilMs);
  }

  activeAt(nowMs: number): boolean {
    return nowMs < this.untilMs || nowMs < this.#heldUntilMs;
  }

  /** Replicas are to get to the end of our stream: nothing may be added to it. */
  holdsStreamAt(nowMs: number): boolean {
    return nowMs < this.#heldUntilMs;
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
