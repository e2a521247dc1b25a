/**
 * A consumer group: how far it has read, its consumers, and what they have not acknowledged.
 *
 *   pending     id -> time, count, slot        every entry pending, by id (pending.ts)
 *   slots       slot -> Consumer               a slot that is free is given to the next consumer
 *   consumers   name -> Consumer.pending       the ids of its entries alone, by id
 *
 * Invariants: an id is in `pending` with a slot exactly when it is in the list of the consumer in that slot.
 */
import { assert } from '../../base/assert.js';
import type { ByteCount } from '../../store/types.js';
import { StreamId } from './id.js';
import { ID_WORDS, IdRows } from './idRows.js';
import { PendingEntries } from './pending.js';
import { Tally } from './tally.js';

/** The counter of entries read says nothing. */
export const ENTRIES_READ_UNKNOWN = -1n;
/** A consumer that never got an entry was active then. */
export const NEVER_MS = -1;

const CONSUMER_OVERHEAD_BYTES = 300;

export class Consumer {
  /** One character a byte. */
  readonly name: string;
  readonly slot: number;
  readonly pending: IdRows;
  /** When it last asked for entries, and when it last got one. */
  seenAtMs: number;
  activeAtMs = NEVER_MS;

  constructor(name: string, slot: number, nowMs: number, account: ByteCount) {
    this.name = name;
    this.slot = slot;
    this.seenAtMs = nowMs;
    this.pending = new IdRows(ID_WORDS, account);
  }
}

export class Group {
  /** The last entry delivered. */
  readonly lastId = new StreamId();
  readonly pending: PendingEntries;
  /** By name, one character a byte. */
  readonly consumers = new Map<string, Consumer>();

  private readonly readTally = new Tally();
  private readTallyKnown = false;
  private readonly slots: (Consumer | undefined)[] = [];
  private readonly freeSlots: number[] = [];
  private readonly account: ByteCount;

  constructor(account: ByteCount) {
    this.account = account;
    this.pending = new PendingEntries(account);
  }

  // ---------------------------------------------------------------- how far it has read

  /** How many entries the group has read, or ENTRIES_READ_UNKNOWN. */
  get entriesRead(): bigint {
    return this.readTallyKnown ? this.readTally.value : ENTRIES_READ_UNKNOWN;
  }

  setEntriesRead(count: bigint): void {
    this.readTallyKnown = count !== ENTRIES_READ_UNKNOWN;
    this.readTally.set(count);
  }

  get knowsEntriesRead(): boolean {
    return this.readTallyKnown;
  }

  countEntryRead(): void {
    this.readTally.add(1);
  }

  // ---------------------------------------------------------------- consumers

  /** Adds a consumer; there must be none of this name. */
  addConsumer(name: string, nowMs: number): Consumer {
    const slot = this.freeSlots.pop() ?? this.slots.length;
    const consumer = new Consumer(name, slot, nowMs, this.account);
    this.slots[slot] = consumer;
    this.consumers.set(name, consumer);
    this.account.bytesUsed += CONSUMER_OVERHEAD_BYTES + name.length;
    return consumer;
  }

  /** Removes a consumer; its entries are pending no more. */
  removeConsumer(consumer: Consumer): void {
    const id = new StreamId();
    for (let more = consumer.pending.first(); more; more = consumer.pending.next()) {
      this.pending.removeId(consumer.pending.id(id));
    }
    consumer.pending.close();
    this.slots[consumer.slot] = undefined;
    this.freeSlots.push(consumer.slot);
    this.consumers.delete(consumer.name);
    this.account.bytesUsed -= CONSUMER_OVERHEAD_BYTES + consumer.name.length;
  }

  /** In the order of their names' bytes, as Redis lists them. */
  sortedConsumers(): Consumer[] {
    return [...this.consumers.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  // ---------------------------------------------------------------- pending entries

  /** Whose the entry is on which `pending` stands. */
  get owner(): Consumer {
    const consumer = this.slots[this.pending.slot];
    assert(consumer !== undefined, 'a pending entry has a consumer');
    return consumer;
  }

  /** Delivers an entry for the first time, or as if: `pending` stands on it afterwards. */
  deliver(id: StreamId, consumer: Consumer, nowMs: number): void {
    const { pending } = this;
    const isNew = pending.insert(id);
    if (!isNew && pending.slot !== consumer.slot) this.owner.pending.removeId(id);
    if (isNew || pending.slot !== consumer.slot) consumer.pending.insert(id);
    pending.deliver(consumer.slot, nowMs);
  }

  /** Gives the entry on which `pending` stands to another consumer. */
  assign(id: StreamId, consumer: Consumer): void {
    if (this.pending.slot === consumer.slot) return;
    this.owner.pending.removeId(id);
    consumer.pending.insert(id);
    this.pending.slot = consumer.slot;
  }

  /** Forgets the entry on which `pending` stands, and goes to the next; false at the end. */
  forget(id: StreamId): boolean {
    this.owner.pending.removeId(id);
    return this.pending.remove();
  }

  /** Forgets an entry; false when it was not pending. */
  acknowledge(id: StreamId): boolean {
    if (!this.pending.find(id)) return false;
    this.forget(id);
    return true;
  }

  // ---------------------------------------------------------------- as a whole

  /** Bytes of lists and consumers. */
  get bytesUsed(): number {
    let bytes = this.pending.bytesUsed;
    for (const { name, pending } of this.consumers.values()) {
      bytes += CONSUMER_OVERHEAD_BYTES + name.length + pending.bytesUsed;
    }
    return bytes;
  }

  /** Gives back what the account was charged. */
  close(): void {
    this.account.bytesUsed -= this.bytesUsed;
  }

  /** Takes over consumers and pending entries; must have none. */
  copyFrom(other: Group): void {
    this.takeOver(other, (own, rows) => own.copyFrom(rows));
  }

  /** Reads those of the other as {@link IdRows.readFrom} does; must have none. */
  readFrom(other: Group, sharing: boolean): void {
    this.takeOver(other, (own, rows) => own.readFrom(rows, sharing));
  }

  /** What was shared may change again. */
  endReading(): void {
    this.pending.endReading();
    for (const consumer of this.consumers.values()) consumer.pending.endReading();
  }

  private takeOver(other: Group, take: (own: IdRows, rows: IdRows) => void): void {
    for (const consumer of other.slots) {
      if (consumer === undefined) {
        this.freeSlots.push(this.slots.push(undefined) - 1);
        continue;
      }
      const { name, slot, seenAtMs, activeAtMs, pending } = consumer;
      const copy = new Consumer(name, slot, seenAtMs, this.account);
      copy.activeAtMs = activeAtMs;
      take(copy.pending, pending);
      this.slots.push(copy);
      this.consumers.set(name, copy);
      this.account.bytesUsed += CONSUMER_OVERHEAD_BYTES + name.length;
    }
    take(this.pending, other.pending);
  }

  verify(): void {
    const { pending } = this;
    const id = new StreamId();
    pending.verify();
    let owned = 0;
    for (const consumer of this.consumers.values()) {
      assert(this.slots[consumer.slot] === consumer, 'a consumer is in its slot');
      consumer.pending.verify();
      owned += consumer.pending.size;
      for (let more = consumer.pending.first(); more; more = consumer.pending.next()) {
        assert(pending.find(consumer.pending.id(id)), 'what a consumer has is pending');
        assert(pending.slot === consumer.slot, 'what is pending is its consumer’s');
      }
    }
    assert(owned === pending.size, `${pending.size} entries pending, consumers have ${owned}`);
    assert(this.consumers.size === this.slots.filter((each) => each !== undefined).length, 'slots are consumers’');
  }
}
