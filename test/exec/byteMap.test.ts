import { describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/prng.js';
import { ByteEntry, ByteMap } from '../../src/exec/byteMap.js';

function bytes(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

function find(map: ByteMap<ByteEntry>, key: string): ByteEntry | undefined {
  const buf = bytes(`<${key}>`);
  return map.find(buf, 1, buf.length - 1);
}

function add(map: ByteMap<ByteEntry>, key: string): ByteEntry {
  const buf = bytes(`<${key}>`);
  return map.add(buf, 1, buf.length - 1, (text, hash) => new ByteEntry(text, hash));
}

describe('ByteMap', () => {
  it('finds keys by their bytes, whatever they are', () => {
    const map = new ByteMap<ByteEntry>(new Prng(1));
    expect(find(map, '')).toBeUndefined();
    const keys = ['', 'a', 'A', '\x00', '\xff\xfe', 'a\r\n', 'x'.repeat(1000)];
    const entries = keys.map((key) => add(map, key));
    expect(keys.map((key) => find(map, key))).toEqual(entries);
    expect(entries.map(({ key }) => key)).toEqual(keys);
    expect(find(map, 'xx')).toBeUndefined();
  });

  it.each([1, 2, 3])('does what a Map does while it grows and shrinks (seed %i)', (seed) => {
    const random = new Prng(seed);
    const map = new ByteMap<ByteEntry>(random);
    const model = new Map<string, ByteEntry>();
    for (let i = 0; i < 6000; i++) {
      const key = `key:${random.below(1500)}`;
      const known = model.get(key);
      expect(find(map, key)).toBe(known);
      // Mostly adding in the first half, mostly removing in the second.
      const adds = random.below(10) < (i < 3000 ? 8 : 2);
      if (known === undefined && adds) model.set(key, add(map, key));
      else if (known !== undefined && !adds) {
        map.remove(known);
        model.delete(key);
      }
      expect(map.size).toBe(model.size);
      if (i % 200 === 0) map.verify();
    }
    expect(new Set(map.entries())).toEqual(new Set(model.values()));
    for (const entry of map.entries()) map.remove(entry);
    map.verify();
    expect([map.size, map.any(random)]).toEqual([0, undefined]);
  });

  it('hands out some entry by chance', () => {
    const random = new Prng(4);
    const map = new ByteMap<ByteEntry>(random);
    for (let i = 0; i < 10; i++) add(map, `k${i}`);
    const seen = new Set<string>();
    for (let i = 0; i < 200; i++) seen.add(map.any(random)?.key ?? '');
    expect(seen.size).toBeGreaterThan(3);
    map.clear();
    map.verify();
    expect(map.any(random)).toBeUndefined();
  });
});
