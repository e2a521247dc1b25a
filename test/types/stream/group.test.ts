import { describe, expect, it } from 'vitest';
import { Prng } from '../../../src/base/prng.js';
import type { Consumer, Group } from '../../../src/types/stream/group.js';
import { StreamId } from '../../../src/types/stream/id.js';
import { Stream } from '../../../src/types/stream/stream.js';
import { idOf } from './model.js';

interface Delivery {
  readonly owner: string;
  readonly atMs: number;
  readonly deliveries: bigint;
}

/** A group and a Map of what is pending in it, changed together. */
class Pair {
  readonly stream = new Stream();
  readonly group: Group;
  readonly random: Prng;
  readonly pending = new Map<number, Delivery>();
  readonly range: number;

  constructor(seed: number) {
    this.random = new Prng(seed);
    this.range = [20, 500, 5000][seed % 3] as number;
    this.group = this.stream.addGroup('g', new StreamId(), -1n) as Group;
  }

  consumer(): Consumer {
    const name = `c${this.random.below(5)}`;
    return this.group.consumers.get(name) ?? this.group.addConsumer(name, 1);
  }

  id(): [number, StreamId] {
    const n = this.random.below(this.range);
    return [n, idOf(n * 0x40000000, n)];
  }

  deliver(): void {
    const consumer = this.consumer();
    const atMs = 1700000000000 + this.random.below(1000);
    const [n, id] = this.id();
    this.group.deliver(id, consumer, atMs);
    this.pending.set(n, { owner: consumer.name, atMs, deliveries: 1n });
  }

  acknowledge(): void {
    const [n, id] = this.id();
    expect(this.group.acknowledge(id)).toBe(this.pending.delete(n));
  }

  assign(): void {
    const { group, pending } = this;
    const [n, id] = this.id();
    expect(group.pending.find(id)).toBe(pending.has(n));
    const known = pending.get(n);
    if (known === undefined) return;
    const consumer = this.consumer();
    group.assign(id, consumer);
    const wide = this.random.below(4) === 0 ? (1n << 32n) - 1n : known.deliveries;
    group.pending.deliveries = wide;
    group.pending.countDelivery();
    pending.set(n, { ...known, owner: consumer.name, deliveries: wide + 1n });
  }

  removeConsumer(): void {
    const consumer = this.consumer();
    this.group.removeConsumer(consumer);
    for (const [n, { owner }] of this.pending) if (owner === consumer.name) this.pending.delete(n);
  }

  check(): void {
    const { group, stream } = this;
    stream.takeGrowth();
    stream.verify();
    const id = new StreamId();
    const found: [string, Delivery][] = [];
    for (let more = group.pending.first(); more; more = group.pending.next()) {
      const { deliveredAtMs, deliveries } = group.pending;
      const text = group.pending.id(id).toString();
      found.push([text, { owner: group.owner.name, atMs: deliveredAtMs, deliveries }]);
    }
    const expected = [...this.pending].sort(([a], [b]) => a - b);
    expect(found).toEqual(expected.map(([n, delivery]) => [`${n * 0x40000000}-${n}`, delivery]));
    const [n, from] = this.id();
    expect(group.pending.seek(from)).toBe(expected.some(([each]) => each >= n));
  }
}

describe('the entries pending in a group', () => {
  for (let seed = 1; seed <= 15; seed++) {
    it(`are what a Map holds (seed ${seed})`, () => {
      const pair = new Pair(seed);
      for (let step = 0; step < 4000; step++) {
        const choice = pair.random.below(100);
        const grows = step % 1500 < 1000;
        if (choice < (grows ? 60 : 20)) pair.deliver();
        else if (choice < 80) pair.acknowledge();
        else if (choice < 99 || pair.range > 500) pair.assign();
        else pair.removeConsumer();
        if (step % 400 === 0) pair.check();
      }
      pair.check();
      const copy = pair.stream.clone();
      copy.verify();
      expect(copy.groups.get('g')?.pending.size).toBe(pair.pending.size);
      pair.stream.removeGroup('g');
      pair.stream.takeGrowth();
      pair.stream.verify();
      copy.verify();
    });
  }

  it('take less than 64 bytes each, and nothing when they are gone', () => {
    const stream = new Stream();
    const group = stream.addGroup('g', new StreamId(), -1n) as Group;
    const consumers = ['a', 'b', 'c'].map((name) => group.addConsumer(name, 1)) as [Consumer, Consumer, Consumer];
    const before = stream.bytesUsed;
    const count = 60_000;
    for (let i = 0; i < count; i++) group.deliver(idOf(1700000000000 + i, 0), consumers[i % 3] as Consumer, 5);
    expect((stream.bytesUsed - before) / count).toBeLessThan(64);
    // Most go, here and there.
    for (let i = 0; i < count; i++) if (i % 50 !== 0) group.acknowledge(idOf(1700000000000 + i, 0));
    expect((stream.bytesUsed - before) / (count / 50)).toBeLessThan(220);
    for (let i = 0; i < count; i += 50) group.acknowledge(idOf(1700000000000 + i, 0));
    expect(stream.bytesUsed).toBe(before);
    stream.takeGrowth();
    stream.verify();
  });
});
