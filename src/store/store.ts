/** The keyspace of one server: its databases and the memory they share. */
import { assert } from '../base/assert.js';
import type { Random } from '../base/prng.js';
import { Database } from './database.js';
import { Defragmenter } from './defrag.js';
import type { Graveyard } from './graveyard.js';
import { Memory } from './memory.js';
import type { StoredObject } from './objects.js';
import type { BlockRecord, Ref } from './types.js';

export interface StoreOptions {
  /** How many databases SELECT reaches. */
  readonly databases: number;
  /** Keeps count and list of the keys of each of the 16384 slots: 8 bytes more a key. */
  readonly clusterMode: boolean;
  /** The hash key, two 32-bit words; drawn from `random` when absent. */
  readonly hashSeed?: readonly [number, number];
  readonly random: Random;
  /** Limit of the arena in segments of 4 MiB; 8192 (32 GiB) when absent. */
  readonly maxSegments?: number;
}

export class Store {
  readonly databases: readonly Database[];
  /** Empties sparse pages; runs only when it is stepped. */
  readonly defragmenter: Defragmenter;
  private readonly memory: Memory;
  private readonly random: Random;
  private readonly clusterMode: boolean;
  /** The database whose index is looked after next. */
  private turn = 0;

  constructor(options: StoreOptions) {
    const { random, clusterMode } = options;
    this.random = random;
    this.clusterMode = clusterMode;
    const [k0, k1] = options.hashSeed ?? [random.nextU32(), random.nextU32()];
    this.memory = new Memory(k0, k1, clusterMode, options.maxSegments);
    const databases: Database[] = [];
    for (let i = 0; i < options.databases; i++) databases.push(new Database(i, this.memory, random, clusterMode));
    this.databases = databases;
    this.defragmenter = new Defragmenter(this.memory, databases);
  }

  /** Bytes that keys, values, index and bookkeeping occupy. O(1). */
  usedBytes(): number {
    return this.memory.bytesUsed;
  }

  /** Bytes of the blocks that the arena has given out. */
  allocatedBytes(): number {
    return this.memory.arena.usedBytes;
  }

  /**
   * What the arena can hold at the most: keys, values of up to 64 KiB and the elements of large collections. Longer
   * values and streams lie outside.
   */
  get limitBytes(): number {
    return this.memory.arena.segments.limitBytes;
  }

  /** Bytes of address space that the arena holds, written or not. */
  reservedBytes(): number {
    return this.memory.arena.segments.reservedBytes;
  }

  /** What was cleared or dropped and is not freed yet. */
  get graveyard(): Graveyard {
    return this.memory.graveyard;
  }

  /**
   * Says that a large value that is put from `buf` may keep this memory instead of being copied; undefined ends the offer.
   * Nothing may be read from or written to the part of `buf` behind the value any more.
   */
  offer(buf: Buffer | undefined): void {
    this.memory.offered = buf;
  }

  /** Says that the request that runs may take `buf`, in which it lies, as a whole: {@link takeSpare}. */
  offerSpare(buf: Buffer): void {
    this.memory.spare = buf;
  }

  /** Whether the buffer is the caller's now, to be kept as long as it likes. */
  takeSpare(buf: Uint8Array): boolean {
    if (this.memory.spare !== buf) return false;
    this.memory.spare = undefined;
    return true;
  }

  /** Ends the offer; answers whether it was taken. */
  endSpare(): boolean {
    const isTaken = this.memory.spare === undefined;
    this.memory.spare = undefined;
    return isTaken;
  }

  /** The buffer of keys that were fetched ahead may change from now on. */
  forgetAhead(): void {
    this.memory.hasher.forgetAhead();
  }

  /** SWAPDB: the databases exchange their contents; the Database objects stay where they are. */
  swap(a: number, b: number): void {
    if (a !== b) this.databases[a].exchange(this.databases[b]);
  }

  /** Empty databases beside these, for data that may take their place ({@link adopt}). To be disposed of in the end. */
  spare(): Database[] {
    const { memory, random, clusterMode } = this;
    return this.databases.map(({ index }) => new Database(index, memory, random, clusterMode));
  }

  /** The databases exchange their contents with spare ones. */
  adopt(spare: readonly Database[]): void {
    for (const [i, database] of this.databases.entries()) database.exchange(spare[i]);
  }

  /** FLUSHALL. Does not look at the keys: memory is taken back as a whole. */
  clear(): void {
    for (const database of this.databases) database.clear();
  }

  /**
   * Background work: frees what was cleared, shrinks tables, gives memory back. A unit is one bucket, about a
   * microsecond. Answers whether more remains.
   */
  step(units: number): boolean {
    const database = this.databases[this.turn];
    this.turn = (this.turn + 1) % this.databases.length;
    const more = database.step(units);
    return this.memory.reap(units) || more;
  }

  /**
   * Frees up to `units` buckets of what was cleared; false when nothing of that kind is left. For whoever needs the memory
   * before the background work gets to it.
   */
  reclaim(units: number): boolean {
    if (!this.memory.reaping) return false;
    this.memory.reap(units);
    return true;
  }

  /** Checks every structure against every other. Slow. */
  verify(): void {
    const blocks = new Set<number>();
    const handles = new Set<number>();
    const { reader, objects } = this.memory;
    const collections: StoredObject[] = [];
    let elements = 0;
    const visit = (ref: Ref): void => {
      const block = this.memory.blockOf(ref);
      assert(!blocks.has(block), 'an entry is in one table, once');
      blocks.add(block);
      const value = reader.valueHandle(ref);
      for (const handle of [reader.keyHandle(ref), value]) {
        if (handle === 0) continue;
        assert(!handles.has(handle), 'a handle is held once');
        handles.add(handle);
      }
      if (value !== 0) collections.push(objects.get(value));
    };
    const visitElement = (ref: Ref): void => {
      elements++;
      visit(ref);
    };
    const records = new Set<BlockRecord>();
    const visitBlock = (record: BlockRecord): void => {
      assert(!records.has(record), 'a block belongs to one value');
      records.add(record);
      const taken = record.isOutside ? handles : blocks;
      assert(!taken.has(record.block), 'a block has one record');
      taken.add(record.block);
    };
    for (const database of this.databases) database.verify(visit);
    this.graveyard.visitTables((table) => table.forEachUndrained(visit));
    let elementIndexBytes = 0;
    // Elements that are large strings are found on the way: the list grows.
    for (const object of collections) {
      object.verify?.(visitElement, visitBlock);
      elementIndexBytes += object.indexBytes ?? 0;
    }
    this.memory.blocks.forEachDropped((value) => value.verify(visitElement, visitBlock));
    assert(records.size === this.memory.blocks.count, `${records.size} blocks, counted ${this.memory.blocks.count}`);
    assert(elements === this.memory.elementCount, `${elements} elements, counted ${this.memory.elementCount}`);
    let indexBytes = elementIndexBytes;
    for (const database of this.databases) indexBytes += database.indexBytes;
    this.graveyard.visitTables((table) => {
      indexBytes += table.bytesUsed;
    });
    const counted = this.memory.pool.bytesUsed + this.memory.elementPool.bytesUsed;
    assert(indexBytes === counted, `the index takes ${indexBytes} bytes, counted ${counted}`);
    this.memory.arena.verify(blocks);
    this.memory.objects.verify(handles);
  }
}
