/** A sorted set as plainly as can be, to hold the real one against. */
import { Prng } from '../../../src/base/prng.js';
import type { Database } from '../../../src/store/database.js';
import { Store } from '../../../src/store/store.js';
import type { Ref } from '../../../src/store/types.js';
import { ZsetEditor } from '../../../src/types/zset/editor.js';
import type { ZsetLimits } from '../../../src/types/zset/encoding.js';
import type { Ordered } from '../../../src/types/zset/ordered.js';
import { ZsetReader } from '../../../src/types/zset/reader.js';

export const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

export type Pair = readonly [member: string, score: number];

export function inOrder(a: Pair, b: Pair): number {
  return a[1] - b[1] || Buffer.compare(bytes(a[0]), bytes(b[0]));
}

/** One key of a store, and what it must hold. */
export class ZsetModel {
  readonly prng: Prng;
  readonly store: Store;
  readonly map = new Map<string, number>();
  readonly editor = new ZsetEditor();
  readonly reader = new ZsetReader();
  readonly key = bytes('key');
  private readonly limits: ZsetLimits;

  constructor(seed: number, limits: ZsetLimits) {
    this.prng = new Prng(seed);
    this.limits = limits;
    this.store = new Store({ databases: 1, clusterMode: false, random: this.prng });
  }

  get db(): Database {
    return this.store.databases[0];
  }

  find(): Ref {
    return this.db.find(this.key, 0, this.key.length);
  }

  edit(change: (editor: ZsetEditor) => void): void {
    this.editor.open(this.db, this.find(), this.limits);
    change(this.editor);
    this.editor.close(this.key, 0, this.key.length);
  }

  set(member: string, score: number): void {
    const m = bytes(member);
    this.edit((editor) => editor.set(score, m, 0, m.length, 0));
    this.map.set(member, score);
  }

  delete(member: string): boolean {
    const m = bytes(member);
    let removed = false;
    this.edit((editor) => {
      removed = editor.remove(m, 0, m.length);
    });
    this.map.delete(member);
    return removed;
  }

  removeRange(rank: number, count: number): void {
    this.edit((editor) => editor.removeRange(rank, count));
    for (const [member] of this.sorted().slice(rank, rank + count)) this.map.delete(member);
  }

  /** Undefined when the key is absent. */
  open(): Ordered | undefined {
    const ref = this.find();
    return ref === 0 ? undefined : this.reader.open(this.db, ref);
  }

  sorted(): Pair[] {
    return [...this.map].sort(inOrder);
  }

  /** What the real one holds, walked over in one direction. */
  walk(backward: boolean): Pair[] {
    const zset = this.open();
    if (zset === undefined) return [];
    const pairs: Pair[] = [];
    zset.seek(backward ? zset.count - 1 : 0);
    do pairs.push([text(zset), zset.score]);
    while (backward ? zset.previous() : zset.next());
    return pairs;
  }
}

export function text(zset: Ordered): string {
  const { buf, start, end } = zset.member();
  return Buffer.from(buf.subarray(start, end)).toString('latin1');
}
