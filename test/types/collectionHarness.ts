/** What the tests of hashes and sets share: one key of a store, its configuration, and text as byte ranges. */
import { Prng } from '../../src/base/prng.js';
import type { Database } from '../../src/store/database.js';
import { Store } from '../../src/store/store.js';
import type { ByteView, Ref } from '../../src/store/types.js';
import { assign, newConfig } from '../config/support.js';

export const KEY = Buffer.from('the key');

export function bytes(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

export function textOf(view: ByteView): string {
  return Buffer.from(view.buf.subarray(view.start, view.end)).toString('latin1');
}

export class Bench {
  readonly prng: Prng;
  readonly config = newConfig();
  readonly store: Store;
  readonly db: Database;

  constructor(seed: number, directives: Readonly<Record<string, number>>) {
    this.prng = new Prng(seed);
    this.store = new Store({ databases: 1, clusterMode: false, random: this.prng });
    this.db = this.store.databases[0];
    for (const [name, value] of Object.entries(directives)) {
      const refused = assign(this.config, name, String(value));
      if (refused !== undefined) throw new Error(refused);
    }
  }

  /** The entry of the key; 0 when it is absent. */
  get ref(): Ref {
    return this.db.find(KEY, 0, KEY.length);
  }

  /** Integers of every size, and texts, a few of them too long for a small collection. */
  text(): string {
    const { prng } = this;
    switch (prng.below(8)) {
      case 0:
        return String(prng.below(1 << 18) - (1 << 17));
      case 1:
        return String((BigInt(prng.nextU32()) << 31n) - (1n << 62n));
      case 2:
        return 'x'.repeat(prng.below(20)) + String(prng.below(9));
      case 3:
        return prng.below(40) === 0 ? 'y'.repeat(300 + prng.below(3)) : '';
      default:
        return String(prng.below(60));
    }
  }
}

/** How far counts may stray from what chance should give: five standard deviations. */
export function expectFair(counts: readonly number[]): string | undefined {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const mean = total / counts.length;
  const most = 5 * Math.sqrt(mean);
  const worst = counts.find((count) => Math.abs(count - mean) > most);
  return worst === undefined ? undefined : `${worst} of ${total}, expected about ${mean}`;
}
