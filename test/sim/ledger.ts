/**
 * Every write that a node has done and every acknowledgement that a client has got, and for which writes the promise is
 * off, by the windows that the cluster specification names:
 *
 *   failover    the replica that took over had not got it yet: replication is asynchronous
 *   minority    done by a master that had been replaced already and did not know yet
 *   takeover    CLUSTER FAILOVER TAKEOVER or FORCE: the operator has asked for it
 *   crash       a master without a durable AOF came back empty, before anybody took its place
 *   racing      SETSLOT hands a slot over under an epoch that nobody was asked for, while a shard elects a new master. Who asks
 *               for votes before a majority has heard of the slot's new owner gets the slot back, without the keys that
 *               have moved; and a master that was replaced and does not know gets all its slots back when it imports one
 *
 * All else has to be there in the end.
 */

export type Excuse = 'failover' | 'minority' | 'takeover' | 'crash' | 'racing';

export interface Write {
  readonly slot: number;
  readonly key: string;
  readonly value: string;
  /** When a node did it, or the key came to where it is by MIGRATE. */
  atMs: number;
  acknowledged: boolean;
  excuse: Excuse | undefined;
}

export class Ledger {
  readonly writes = new Map<string, Write>();
  readonly #bySlot = new Map<number, Write[]>();
  acknowledged = 0;

  attempt(slot: number, key: string, value: string, nowMs: number): void {
    const write: Write = { slot, key, value, atMs: nowMs, acknowledged: false, excuse: undefined };
    this.writes.set(key, write);
    let list = this.#bySlot.get(slot);
    if (list === undefined) {
      list = [];
      this.#bySlot.set(slot, list);
    }
    list.push(write);
  }

  acknowledge(key: string): void {
    const write = this.writes.get(key);
    if (write === undefined || write.acknowledged) return;
    write.acknowledged = true;
    this.acknowledged++;
  }

  inSlot(slot: number): readonly Write[] {
    return this.#bySlot.get(slot) ?? [];
  }
}

export function excuse(write: Write, reason: Excuse): void {
  write.excuse ??= reason;
}
