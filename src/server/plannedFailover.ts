/** FAILOVER, carried out: pauses writes, waits for a replica, and changes parts with it (replication/core/failover.ts decides). */
import type { FailoverOptions, MasterAddress, ReplicaFacts } from '../commands/replicationPort.js';
import type { Executor } from '../exec/executor.js';
import { Failover, isSame } from '../replication/core/failover.js';

export interface PlannedFailoverHost {
  readonly executor: Executor;
  isMaster(): boolean;
  replicas(): readonly ReplicaFacts[];
  follow(address: MasterAddress): void;
  promote(): void;
  /** Gates may open or close. */
  changed(): void;
  /** Writes that were held back go on. */
  resumeClients(): void;
}

export class PlannedFailover {
  readonly #host: PlannedFailoverHost;
  readonly #failover = new Failover();

  constructor(host: PlannedFailoverHost) {
    this.#host = host;
  }

  get active(): boolean {
    return this.#failover.active;
  }

  get state(): string {
    return this.#failover.state;
  }

  /** The replica is being asked to take over. */
  get isMoving(): boolean {
    return this.#failover.state === 'failover-in-progress';
  }

  /** Answers an error, or nothing. */
  start(options: FailoverOptions): string | undefined {
    const refusal = this.#refusal(options);
    if (refusal !== undefined) return refusal;
    const { executor } = this.#host;
    this.#log(`FAILOVER requested to ${nameOf(options.target)}.`);
    this.#failover.start(options, executor.server.clock.nowMs());
    executor.pause.hold('failover', Number.POSITIVE_INFINITY);
    this.#host.changed();
    return undefined;
  }

  #refusal({ target, force, timeoutMs }: FailoverOptions): string | undefined {
    if (this.active) return 'ERR FAILOVER already in progress.';
    if (!this.#host.isMaster()) return 'ERR FAILOVER is not valid when server is a replica.';
    const replicas = this.#host.replicas();
    if (replicas.length === 0) return 'ERR FAILOVER requires connected replicas.';
    if (force && (timeoutMs === 0 || target === undefined)) {
      return 'ERR FAILOVER with force option requires both a timeout and target HOST and IP.';
    }
    if (target === undefined) return undefined;
    const found = replicas.find((each) => isSame(each, target));
    if (found === undefined) return 'ERR FAILOVER target HOST and PORT is not a replica.';
    return found.state === 'online' ? undefined : 'ERR FAILOVER target replica is not online.';
  }

  /** Goes on as soon as a replica has all of the stream up to `offset`. */
  look(replicas: readonly ReplicaFacts[], offset: number): void {
    const online = replicas.filter(({ state }) => state === 'online');
    const step = this.#failover.look(online, offset, this.#host.executor.server.clock.nowMs());
    if (step.kind === 'abort') this.#abort(step.reason);
    if (step.kind !== 'move') return;
    const why = step.forced ? 'time out exceeded, failing over.' : 'is synced, failing over.';
    this.#log(`Failover target ${nameOf(step.target)} ${why}`);
    this.#host.follow(step.target);
  }

  /** The replica has taken over, or will not. */
  answered(accepted: boolean): void {
    if (accepted) this.#end();
    else this.#abort('Failover target rejected psync request');
  }

  /** False: none is under way. */
  abortByHand(): boolean {
    if (!this.active) return false;
    this.#abort('Failover manually aborted');
    return true;
  }

  #abort(reason: string): void {
    this.#log(`FAILOVER to ${nameOf(this.#failover.target)} aborted: ${reason}`);
    const wasMoving = this.isMoving;
    this.#failover.end();
    if (wasMoving) this.#host.promote();
    this.#end();
  }

  #end(): void {
    this.#failover.end();
    this.#host.executor.pause.release('failover');
    this.#host.changed();
    this.#host.resumeClients();
  }

  #log(text: string): void {
    this.#host.executor.server.log('notice', text);
  }
}

function nameOf(target: MasterAddress | undefined): string {
  return target === undefined ? 'any replica' : `${target.host}:${target.port}`;
}
