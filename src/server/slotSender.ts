/**
 * Brings the keys of some slots to another node while clients go on writing to them. Whole values are sent, again and again:
 *
 *   walk over the slots ──> RESTORE key ... ─┐
 *   a key changes ──> changed ──> RESTORE or DEL ─┴─> as soon as nothing is left in `changed`, the target has what we have
 *
 * What has changed is known from the stream of writes that replicas get, so nothing that a replica would notice is missed. That a key is
 * sent as it is at that moment makes every order right: whatever happens to it later puts it back into `changed`. Values too large for one
 * step are sent in pieces, and those wait meanwhile who would write to this one key.
 */
import { latin1 } from '../base/bytes.js';
import { copyOf } from '../base/copy.js';
import { keySlot } from '../base/crc16.js';
import { WRITE } from '../commands/command.js';
import { findSubcommand } from '../exec/commandTable.js';
import type { Executor } from '../exec/executor.js';
import type { KeyLock } from '../exec/movingKeys.js';
import type { PropagationSink } from '../exec/propagation.js';
import type { Session } from '../exec/session.js';
import type { FrozenDump } from '../persistence/format/rdbDump.js';
import type { ArgVector } from '../resp/argVector.js';
import type { Database } from '../store/database.js';
import { NO_EXPIRE, type Ref } from '../store/types.js';
import { SlicePacer } from './slicePacer.js';
import { MoveFailure, type SlotLink } from './slotLink.js';
import { isMark } from './slotMarks.js';

/** How many keys of a slot are noted at a time. */
const WALK_KEYS = 512;
/** So many changed keys and no more: they take memory. */
const MAX_CHANGED = 4_000_000;
/** How often to look whether MIGRATE is done with a key. */
const LOCK_POLL_MS = 5;

const WENT = 'A large value went while it was sent';

/** One that is sent in pieces. */
interface LargeValue {
  readonly key: Uint8Array;
  readonly lock: KeyLock;
  readonly value: unknown;
  readonly expiry: string;
  readonly dump: FrozenDump;
}

export interface SlotSenderHost {
  readonly executor: Executor;
  /** Throws when the move must not go on. */
  check(): void;
  /** Lets requests go on that were held back. */
  release(sessions: Iterable<Session>): void;
}

export class SlotSender implements PropagationSink {
  sentKeys = 0;
  /** Why what was sent is of no use any more. */
  problem: string | undefined;
  readonly #host: SlotSenderHost;
  readonly #executor: Executor;
  readonly #db: Database;
  readonly #slots: ReadonlySet<number>;
  readonly #link: SlotLink;
  readonly #pacer: SlicePacer;
  readonly #indexes: number[] = [];
  #changed = new Set<string>();

  constructor(host: SlotSenderHost, slots: ReadonlySet<number>, link: SlotLink) {
    const { server } = host.executor;
    this.#host = host;
    this.#executor = host.executor;
    [this.#db] = server.store.databases;
    this.#slots = slots;
    this.#link = link;
    this.#pacer = new SlicePacer(server.clock, server.stats);
  }

  get changedKeys(): number {
    return this.#changed.size;
  }

  /** Gives back what it needed. */
  stop(): void {
    this.#executor.propagation.remove(this);
    this.#changed.clear();
  }

  // ---------------------------------------------------------------- what changes

  feed(_dbIndex: number, args: ArgVector): void {
    const { table } = this.#executor;
    // What the server itself says has its name whatever clients call it.
    const { buf, start, end } = args;
    const container = table.lookup(buf, start[0], end[0]) ?? table.byFullName(args.text(0).toLowerCase());
    const command = container?.subcommands === undefined ? container : findSubcommand(container, args);
    if (command === undefined) {
      this.problem = `Cannot tell what ${args.text(0)} has changed`;
      return;
    }
    const indexes = this.#indexes;
    indexes.length = 0;
    if (!table.keyIndexes(command, args, indexes)) {
      // FLUSHALL and its like.
      if ((command.flags & WRITE) !== 0) this.problem = `The data was changed by ${command.fullName.toUpperCase()}`;
      return;
    }
    for (const at of indexes) {
      if (!this.#slots.has(keySlot(buf, start[at], end[at])) || isMark(buf, start[at], end[at])) continue;
      this.#changed.add(args.text(at));
    }
    if (this.#changed.size > MAX_CHANGED) this.problem = 'Keys change faster than they can be sent';
  }

  // ---------------------------------------------------------------- sending

  /** Sends every key once. */
  async sendAll(): Promise<void> {
    for (const slot of this.#slots) {
      let keys = this.#keysAfter(slot, []);
      while (keys.length > 0) {
        for (const key of keys) await this.#send(key, false);
        keys = this.#keysAfter(slot, keys);
      }
    }
    await this.#link.settle();
  }

  /** Sends what has changed until now, and waits for the answers. */
  async sendChanged(): Promise<void> {
    const changed = this.#changed;
    this.#changed = new Set();
    for (const key of changed) await this.#send(Buffer.from(key, 'latin1'), true);
    await this.#link.settle();
  }

  /**
   * The next keys of the slot's list behind those that were taken last, as far as they are still there. New keys come at its
   * head: they need not be found here.
   */
  #keysAfter(slot: number, last: readonly Uint8Array[]): Uint8Array[] {
    const db = this.#db;
    let ref: Ref = 0;
    if (last.length === 0) ref = db.slotFirst(slot);
    else {
      const known = last.findLast((key) => db.find(key, 0, key.length) !== 0);
      ref = known === undefined ? db.slotFirst(slot) : db.slotNext(db.find(known, 0, known.length));
    }
    const keys: Uint8Array[] = [];
    for (; ref !== 0 && keys.length < WALK_KEYS; ref = db.slotNext(ref)) {
      const key = db.readKey(ref);
      // Of an earlier move; the target has one of its own.
      if (isMark(key.buf, key.start, key.end)) continue;
      keys.push(copyOf(key.buf, key.start, key.end));
    }
    return keys;
  }

  /** `deletes`: the target may have the key though it is gone here. */
  async #send(key: Uint8Array, deletes: boolean): Promise<void> {
    const ref = this.#find(key);
    if (ref === 0) {
      if (deletes) this.#link.requests.add(['DEL', key]);
    } else if (this.#executor.dumps.frozen(this.#db, ref) === undefined) this.#writeSmall(key, ref);
    else await this.#sendLarge(key);
    this.sentKeys++;
    if (this.#link.isChunkFull) {
      await this.#link.flush();
      this.#host.check();
    }
    await this.#pacer.pause();
  }

  /** 0: it is not there, or its time is over. */
  #find(key: Uint8Array): Ref {
    const ref = this.#db.find(key, 0, key.length);
    return ref !== 0 && this.#db.isDue(ref, this.#executor.server.clock.nowMs()) ? 0 : ref;
  }

  #expiry(ref: Ref): string {
    const expireAtMs = this.#db.expireAtMs(ref);
    return expireAtMs === NO_EXPIRE ? '0' : String(expireAtMs);
  }

  #writeSmall(key: Uint8Array, ref: Ref): void {
    const { requests } = this.#link;
    const expiry = this.#expiry(ref);
    this.#executor.dumps.dump(this.#db, ref, (buf, length) => {
      requests.beginRestore(key, expiry, length).bytes(buf, 0, length);
    });
    requests.endRestore();
  }

  async #sendLarge(key: Uint8Array): Promise<void> {
    const { moving, dumps } = this.#executor;
    const text = latin1(key, 0, key.length);
    while (moving.isLocked(text)) {
      await new Promise((resolve) => setTimeout(resolve, LOCK_POLL_MS));
      this.#host.check();
    }
    const lock: KeyLock = { db: this.#db, keys: [text], changed: new Set() };
    moving.lock(lock);
    this.#changed.delete(text);
    this.#host.release([]);
    const ref = this.#find(key);
    const dump = ref === 0 ? undefined : dumps.frozen(this.#db, ref);
    try {
      if (ref === 0) this.#link.requests.add(['DEL', key]);
      else if (dump === undefined) this.#writeSmall(key, ref);
      else await this.#writeLarge({ key, lock, value: this.#db.object(ref), expiry: this.#expiry(ref), dump });
    } finally {
      dump?.release();
      this.#host.release(moving.unlock(lock));
    }
  }

  async #writeLarge(large: LargeValue): Promise<void> {
    const { key, expiry, dump } = large;
    const { requests } = this.#link;
    for (let more = true; more; await this.#pacer.pause()) {
      this.#demandStill(large);
      more = dump.measure();
    }
    this.#demandStill(large);
    requests.beginRestore(key, expiry, dump.length);
    for (let more = true; more; await this.#pacer.pause()) {
      this.#demandStill(large);
      more = dump.write(requests.output);
      if (this.#link.isChunkFull) await this.#link.flushPart();
    }
    if (dump.isBroken) throw new MoveFailure(WENT);
    requests.endRestore();
  }

  #demandStill({ key, lock, value }: LargeValue): void {
    this.#host.check();
    const ref = lock.changed.size > 0 ? 0 : this.#db.find(key, 0, key.length);
    if (ref === 0 || this.#db.object(ref) !== value) throw new MoveFailure(WENT);
  }
}
