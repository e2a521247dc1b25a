/**
 * FAILOVER: hands the master's part to one of its replicas, without loss. Writes are paused; as soon as the replica has
 * acknowledged all of the stream, this server becomes its replica and asks it, by PSYNC ... FAILOVER, to be the master.
 *
 *   none ─> waiting ─> moving ─> none            in time, or forced when the time is over
 *              └────────> none                   aborted, or the time is over
 */

export interface FailoverTarget {
  readonly host: string;
  readonly port: number;
}

export interface FailoverRequest {
  /** Undefined: any replica. */
  readonly target: FailoverTarget | undefined;
  /** Goes on with the target when the time is over, whatever it has got. */
  readonly force: boolean;
  /** 0: without end. */
  readonly timeoutMs: number;
}

export type FailoverState = 'no-failover' | 'waiting-for-sync' | 'failover-in-progress';

export type FailoverStep =
  | { readonly kind: 'wait' }
  | { readonly kind: 'move'; readonly target: FailoverTarget; readonly forced: boolean }
  | { readonly kind: 'abort'; readonly reason: string };

/** A replica as the failover sees it. */
export interface Candidate extends FailoverTarget {
  readonly ackedOffset: number;
}

export class Failover {
  state: FailoverState = 'no-failover';
  target: FailoverTarget | undefined;
  #force = false;
  #endAtMs = 0;

  get active(): boolean {
    return this.state !== 'no-failover';
  }

  start({ target, force, timeoutMs }: FailoverRequest, nowMs: number): void {
    this.state = 'waiting-for-sync';
    this.target = target;
    this.#force = force;
    this.#endAtMs = timeoutMs === 0 ? 0 : nowMs + timeoutMs;
  }

  /** What is to be done now, while waiting. */
  look(candidates: readonly Candidate[], offset: number, nowMs: number): FailoverStep {
    if (this.state !== 'waiting-for-sync') return { kind: 'wait' };
    const { target } = this;
    if (this.#endAtMs !== 0 && this.#endAtMs <= nowMs) {
      if (this.#force && target !== undefined) return this.#move(target, true);
      return { kind: 'abort', reason: 'Replica never caught up before timeout' };
    }
    const found = candidates.find(
      (each) => each.ackedOffset === offset && (target === undefined || isSame(each, target)),
    );
    return found === undefined ? { kind: 'wait' } : this.#move({ host: found.host, port: found.port }, false);
  }

  end(): void {
    this.state = 'no-failover';
    this.target = undefined;
  }

  #move(target: FailoverTarget, forced: boolean): FailoverStep {
    this.state = 'failover-in-progress';
    this.target = target;
    return { kind: 'move', target, forced };
  }
}

export function isSame(a: FailoverTarget, b: FailoverTarget): boolean {
  return a.host.toLowerCase() === b.host.toLowerCase() && a.port === b.port;
}
