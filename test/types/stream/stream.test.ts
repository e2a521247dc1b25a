import { describe, expect, it } from 'vitest';
import { Prng } from '../../../src/base/prng.js';
import { ListpackCursor } from '../../../src/types/listpack/cursor.js';
import { StreamId } from '../../../src/types/stream/id.js';
import { validateNode } from '../../../src/types/stream/nodeFormat.js';
import { Stream } from '../../../src/types/stream/stream.js';
import { StreamEditor } from '../../../src/types/stream/streamEditor.js';
import { compareIds, entryText, idOf, type ModelEntry, ranges, readEntries } from './model.js';

const UINT64_MAX = (1n << 64n) - 1n;
const MIN = new StreamId();
const MAX = new StreamId().setMax();
const LIMITS = [
  { maxBytes: 4096, maxEntries: 100 },
  { maxBytes: 0, maxEntries: 3 },
  { maxBytes: 200, maxEntries: 0 },
  { maxBytes: 0, maxEntries: 0 },
  { maxBytes: 0, maxEntries: 200 },
];

/** A stream and its model, changed together. */
class Pair {
  readonly stream = new Stream();
  readonly editor = new StreamEditor();
  readonly random: Prng;
  readonly limits: (typeof LIMITS)[number];
  entries: ModelEntry[] = [];
  last = { ms: 0n, seq: 0n };
  added = 0;

  constructor(seed: number) {
    this.random = new Prng(seed);
    this.limits = LIMITS[seed % LIMITS.length] as (typeof LIMITS)[number];
    // Some start where ids are close to the end of a word, or of all.
    const starts = [0n, 1700000000000n, 0x7ffffff0n, 0xfffffff0n, (1n << 53n) - 9n, (1n << 63n) - 9n];
    this.last.ms = starts[this.random.below(starts.length)] as bigint;
    if (this.random.below(3) === 0) this.last.seq = UINT64_MAX - 40n;
  }

  append(): void {
    const { random, last } = this;
    if (random.below(3) === 0 || last.seq > UINT64_MAX - 1000n) {
      last.ms += BigInt(1 + random.below(random.below(10) === 0 ? 2 ** 31 : 5));
      if (random.below(4) > 0) last.seq = 0n;
      else last.seq -= last.seq > 5n ? 5n : 0n;
    } else last.seq += BigInt(1 + random.below(300));
    const fields = this.fields();
    expect(this.editor.append(this.stream, idOf(last.ms, last.seq), ranges(fields), this.limits)).toBe(true);
    this.entries.push({ ...last, fields });
    this.added++;
  }

  fields(): string[] {
    const { random } = this;
    const names = random.below(4) === 0 ? ['other', '77', 'x'.repeat(random.below(100))] : ['temperature', '12'];
    const value = (): string => {
      const kind = random.below(6);
      if (kind === 0) return String(random.below(2 ** 31) - 2 ** 30);
      if (kind === 1) return 'v'.repeat(random.below(random.below(50) === 0 ? 20_000 : 300));
      if (kind === 2) return '9223372036854775807';
      return String(random.below(300));
    };
    return names.flatMap((name) => [name, value()]);
  }

  delete(): void {
    const { random, entries } = this;
    if (entries.length === 0) return;
    const at = random.below(2) === 0 ? random.below(Math.min(5, entries.length)) : random.below(entries.length);
    const [{ ms, seq }] = entries.splice(at, 1) as [ModelEntry];
    expect(this.editor.delete(this.stream, idOf(ms, seq))).toBe(true);
    expect(this.editor.delete(this.stream, idOf(ms, seq))).toBe(false);
  }

  trim(): void {
    const { random, entries, stream } = this;
    const approximate = random.below(2) === 0;
    const limit = approximate ? random.below(200) : 0;
    const kept = random.below(entries.length + 3);
    if (random.below(2) === 0) {
      const removed = this.editor.trim(stream, { maxLength: kept, minId: MIN, approximate, limit });
      this.removeFirst(removed, approximate, entries.length - kept);
    } else {
      const to = entries[Math.min(kept, entries.length - 1)];
      if (to === undefined) return;
      const minId = idOf(to.ms, to.seq);
      const removed = this.editor.trim(stream, { maxLength: undefined, minId, approximate, limit });
      this.removeFirst(removed, approximate, entries.indexOf(to));
    }
  }

  removeFirst(removed: number, approximate: boolean, wanted: number): void {
    if (approximate) expect(removed).toBeLessThanOrEqual(Math.max(0, wanted));
    else expect(removed).toBe(Math.max(0, wanted));
    this.entries.splice(0, removed);
  }

  check(): void {
    const { stream, entries, last } = this;
    stream.takeGrowth();
    stream.verify();
    expect(stream.length).toBe(entries.length);
    expect(Number(stream.entriesAdded.value)).toBe(this.added);
    if (this.added > 0) expect(stream.lastId.toString()).toBe(`${last.ms}-${last.seq}`);
    const first = entries[0];
    expect(stream.firstId.toString()).toBe(first === undefined ? '0-0' : `${first.ms}-${first.seq}`);
    expect(readEntries(stream, MIN, MAX, false)).toEqual(entries.map(entryText));
    expect(readEntries(stream, MIN, MAX, true)).toEqual(entries.map(entryText).reverse());
    this.checkRange();
    const cursor = new ListpackCursor();
    stream.forEachNode((_, buf, start, end) => {
      const data = new DataView(buf.buffer, buf.byteOffset, buf.byteLength);
      expect(validateNode(cursor, buf, data, start, end)).toBe(true);
    });
  }

  checkRange(): void {
    const { random, entries, stream } = this;
    if (entries.length === 0) return;
    const [from, to] = [random.below(entries.length), random.below(entries.length)]
      .map((i) => entries[i] as ModelEntry)
      .map(({ ms, seq, fields }) => ({ ms, seq: seq + BigInt(random.below(2)), fields })) as [ModelEntry, ModelEntry];
    const expected = entries.filter((entry) => compareIds(entry, from) >= 0 && compareIds(entry, to) <= 0);
    const ids = expected.map(({ ms, seq }) => `${ms}-${seq}`);
    const [fromId, toId] = [idOf(from.ms, from.seq), idOf(to.ms, to.seq)];
    expect(readEntries(stream, fromId, toId, false, true)).toEqual(ids);
    expect(readEntries(stream, fromId, toId, true, true)).toEqual(ids.reverse());
  }
}

describe('a stream', () => {
  for (let seed = 1; seed <= 25; seed++) {
    it(`holds what a plain list holds (seed ${seed})`, () => {
      const pair = new Pair(seed);
      for (let step = 0; step < 700; step++) {
        const choice = pair.random.below(100);
        if (choice < 75) pair.append();
        else if (choice < 96) pair.delete();
        else if (choice < 99 || step > 400) pair.trim();
        if (step % 50 === 0) pair.check();
      }
      pair.check();
      const copy = pair.stream.clone();
      copy.verify();
      while (pair.entries.length > 0) pair.delete();
      pair.check();
      expect(pair.stream.segments.length).toBe(0);
      expect(copy.length).toBe(readEntries(copy, MIN, MAX, false, true).length);
    });
  }

  it('takes little more than its nodes', () => {
    const stream = new Stream();
    const editor = new StreamEditor();
    const fields = ranges(['temperature', '21', 'humidity', '55']);
    for (let i = 0; i < 100_000; i++) editor.append(stream, idOf(1700000000000 + i, 0), fields, LIMITS[0]!);
    let bytes = 0;
    stream.forEachNode((_, __, start, end) => {
      bytes += end - start;
    });
    expect(stream.bytesUsed).toBeLessThan(bytes * 1.05);
    editor.trim(stream, { maxLength: 1000, minId: MIN, approximate: false, limit: 0 });
    expect(stream.bytesUsed).toBeLessThan(110_000);
    stream.takeGrowth();
    stream.verify();
  });
});
