import { describe, expect, it } from 'vitest';
import { Prng } from '../../../src/base/prng.js';
import { Config } from '../../../src/config/config.js';
import { Store } from '../../../src/store/store.js';
import { NO_EXPIRE } from '../../../src/store/types.js';
import { ENCODING_LISTPACK, ENCODING_QUICKLIST, Lists } from '../../../src/types/list/lists.js';
import type { Quicklist } from '../../../src/types/list/quicklist.js';

const key = Buffer.from('the key');

class Subject {
  readonly config = new Config({ directory: '/tmp', changeDirectory: (_, path) => ({ ok: true, path }) });
  readonly store: Store;
  readonly lists = new Lists(this.config);
  readonly model: string[] = [];

  constructor(seed: number, fill: string, depth: string) {
    this.store = new Store({ databases: 2, random: new Prng(seed), clusterMode: seed % 2 === 0 });
    const values: [string, string][] = [
      ['list-max-listpack-size', fill],
      ['list-compress-depth', depth],
    ];
    this.config.set(values, { isLocal: true, isLoading: false });
  }

  get db(): Store['databases'][0] {
    return this.store.databases[0]!;
  }

  get ref(): number {
    return this.db.find(key, 0, key.length);
  }

  element(text: string): Lists['element'] {
    const bytes = Buffer.from(text, 'latin1');
    return this.lists.element.set(bytes, 0, bytes.length);
  }

  contents(): string[] {
    if (this.ref === 0) return [];
    const found: string[] = [];
    this.lists.open(this.db, this.ref);
    for (let more = this.lists.seek(0); more; more = this.lists.next()) {
      const { buf, start, end } = this.lists.text();
      found.push(Buffer.from(buf.subarray(start, end)).toString('latin1'));
    }
    return found;
  }

  push(texts: readonly string[], atHead: boolean, expireAtMs: number): void {
    const { lists, db } = this;
    const bytes = texts.reduce((sum, text) => sum + text.length, 0);
    if (this.ref === 0) {
      lists.begin(db, bytes, texts.length);
      for (const text of texts) lists.add(this.element(text), atHead);
      lists.create(db, key, 0, key.length, expireAtMs);
    } else {
      lists.open(db, this.ref).prepareFor(bytes, texts.length);
      for (const text of texts) lists.push(this.element(text), atHead);
      lists.close(false);
    }
    for (const text of texts) {
      if (atHead) this.model.unshift(text);
      else this.model.push(text);
    }
  }

  verify(): void {
    const { ref, db, model } = this;
    expect(ref === 0).toBe(model.length === 0);
    if (ref === 0) return;
    const large = db.object(ref);
    expect(db.encoding(ref)).toBe(large === undefined || 'lease' in large ? ENCODING_LISTPACK : ENCODING_QUICKLIST);
    if (db.encoding(ref) === ENCODING_QUICKLIST) (large as Quicklist).verify();
  }
}

function step(subject: Subject, random: Prng, growing: boolean): void {
  const { lists, model, db } = subject;
  const text =
    random.below(30) === 0 ? 'L'.repeat(random.below(12_000)) : 'v'.repeat(random.below(40)) + random.below(20);
  const kind = random.below(growing ? 6 : 10);
  if (kind < 3 || model.length === 0) {
    const texts = random.below(20) === 0 ? Array.from({ length: 60 }, (_, i) => `${text}${i}`) : [text];
    return subject.push(texts, kind === 0, random.below(2) === 0 ? NO_EXPIRE : 2e12);
  }
  const at = random.below(model.length);
  lists.open(db, subject.ref);
  if (kind === 3) {
    lists.prepareFor(text.length, 1);
    expect(lists.seek(at)).toBe(true);
    lists.insert(subject.element(text), at % 2 === 0);
    model.splice(at % 2 === 0 ? at + 1 : at, 0, text);
    lists.close(false);
  } else if (kind === 4) {
    lists.prepareFor(text.length, 1);
    expect(lists.seek(at - model.length)).toBe(true);
    lists.replace(subject.element(text));
    model[at] = text;
    lists.close(true);
  } else if (kind < 8) {
    expect(lists.seek(at)).toBe(true);
    model.splice(at, 1);
    expect(lists.remove(kind === 5)).toBe(model[kind === 5 ? at - 1 : at] !== undefined);
    expect(lists.close(true)).toBe(model.length === 0);
  } else {
    const count = random.below(model.length);
    lists.removeRange(at, count);
    model.splice(at, count);
    expect(lists.close(true)).toBe(model.length === 0);
  }
}

const CASES = [
  ['-2', '0'],
  ['-2', '1'],
  ['-1', '2'],
  ['4', '1'],
  ['100', '0'],
  ['-5', '0'],
] as const;

describe.each(CASES)('a list at a key, list-max-listpack-size %s, list-compress-depth %s', (fill, depth) => {
  it.each([1, 2, 3])('equals an array after random edits, seed %i', (seed) => {
    const random = new Prng(seed * 7);
    const subject = new Subject(seed, fill, depth);
    for (let i = 0; i < 600; i++) {
      step(subject, random, i % 400 < 250);
      subject.verify();
      while (i % 7 === 0 && subject.store.defragmenter.step(20));
      // It looks at the whole arena.
      if (i % 100 === 0) subject.store.verify();
      if (i % 8 === 0) expect(subject.contents()).toEqual(subject.model);
      if (i % 100 === 50 && subject.ref !== 0) {
        const other = Buffer.from('copy');
        const copy = subject.db.copyTo(subject.ref, subject.store.databases[1]!, other, 0, 4, NO_EXPIRE);
        expect(subject.lists.open(subject.store.databases[1]!, copy).length).toBe(subject.model.length);
      }
    }
    subject.store.verify();
    expect(subject.contents()).toEqual(subject.model);
  });
});
