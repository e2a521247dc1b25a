import { describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/prng.js';
import {
  planOpenSlot,
  planSharedSlot,
  planUncoveredSlot,
  type SlotFix,
  type SlotHolder,
  shareOut,
} from '../../src/trib/moving/fix-plan.js';
import { planRebalance } from '../../src/trib/moving/rebalance-plan.js';
import { reshardTable } from '../../src/trib/moving/reshard-plan.js';
import { formatRanges, listSlots, rangesOf } from '../../src/trib/slots.js';

/** `0-5460` of node a. */
function owner(id: string, first: number, last: number): { id: string; slots: number[] } {
  return { id, slots: last < first ? [] : listSlots([{ first, last }]) };
}

describe('the resharding table', () => {
  const [a, b, c] = [owner('a', 0, 5460), owner('b', 5461, 10922), owner('c', 10923, 16383)];

  it.each([
    ['one source', [a], 3, 'a 0-2'],
    ['as many as there are', [a], 6000, 'a 0-5460'],
    ['two equal sources', [a, c], 4, 'a 0-1; c 10923-10924'],
    ['three sources, the largest one first and rounded up', [a, b, c], 100, 'b 5461-5494; a 0-32; c 10923-10955'],
    ['fewer slots than sources: the largest gives all that come of rounding', [a, b, c], 2, 'b 5461'],
    ['a source without slots', [owner('d', 1, 0)], 2, ''],
  ])('for %s', (_, sources, count, expected) => {
    const table = reshardTable(sources, count);
    const bySource = [...new Set(table.map(({ source }) => source))].map((source) => {
      const slots = table.filter((move) => move.source === source).map(({ slot }) => slot);
      return `${source.id} ${formatRanges(rangesOf(slots))}`;
    });
    expect(bySource.join('; ')).toBe(expected);
  });
});

describe('rebalancing', () => {
  /** `a:0-5460 b:5461-10922*2` has weights behind the star. */
  const owners = (text: string) =>
    text.split(' ').map((part) => {
      const [, id, first, last, weight] = /^(\w+):(?:(\d+)-(\d+))?(?:\*(.+))?$/.exec(part) ?? [];
      return { ...owner(id, Number(first ?? 1), Number(last ?? 0)), weight: Number(weight ?? 1) };
    });
  const transfers = (text: string, threshold = 2): string => {
    const plan = planRebalance(owners(text), threshold);
    return plan.transfers
      .map(({ source, target, slots }) => `${slots.length} ${source.id}>${target.id} ${formatRanges(rangesOf(slots))}`)
      .join('; ');
  };

  it.each([
    ['balanced masters', 'a:0-5460 b:5461-10922 c:10923-16383', 2, ''],
    ['masters within the threshold', 'a:0-5400 b:5401-10922 c:10923-16383', 2, ''],
    ['the same with a narrow threshold', 'a:0-5400 b:5401-10922 c:10923-16383', 1, '61 b>a 5401-5461'],
    ['an empty master', 'a:0-8191 b:8192-16383 c:', 2, '2731 b>c 8192-10922; 2731 a>c 0-2730'],
    ['a master of weight 0', 'a:0-5460*0 b:5461-10922 c:10923-16383', 2, '2731 a>c 0-2730; 2730 a>b 2731-5460'],
    ['a master of weight 2', 'a:0-8191*2 b:8192-16383', 2, '2731 b>a 8192-10922'],
    ['nobody has any weight', 'a:0-8191*0 b:8192-16383*0', 2, ''],
  ])('%s', (_, text, threshold, expected) => {
    expect(transfers(text, threshold)).toBe(expected);
  });

  it('leaves everybody with the share of its weight, whatever they begin with (seeded)', () => {
    const random = new Prng(3);
    for (let round = 0; round < 200; round++) {
      const count = 2 + random.below(7);
      const cuts = Array.from({ length: count - 1 }, () => random.below(16385)).sort((x, y) => x - y);
      const all = Array.from({ length: count }, (_, i) => ({
        ...owner(`n${i}`, cuts[i - 1] ?? 0, (cuts[i] ?? 16384) - 1),
        weight: i === 0 ? 1 : random.below(4),
      }));
      const plan = planRebalance(all, 0);
      const held = new Map(all.map(({ id, slots }) => [id, new Set(slots)]));
      let moved = true;
      for (const { source, target, slots } of plan.transfers) {
        for (const slot of slots) {
          moved &&= held.get(source.id)?.delete(slot) === true;
          held.get(target.id)?.add(slot);
        }
      }
      expect(moved, 'every slot leaves a node that has it').toBe(true);
      for (const { id, weight } of all) {
        const share = (16384 / plan.totalWeight) * weight;
        const off = Math.abs((held.get(id)?.size ?? 0) - share);
        expect(
          off,
          `round ${round}: ${id} of ${JSON.stringify(all.map((o) => [o.slots.length, o.weight]))}`,
        ).toBeLessThan(count + 1);
      }
      expect([...held.values()].reduce((sum, slots) => sum + slots.size, 0)).toBe(16384);
    }
  });
});

describe('fixing a slot', () => {
  /** `A` owns the slot, `a` does not; `A>b` is migrating, `b<a` importing; a number is that of its keys. */
  const holders = (text: string): SlotHolder[] =>
    text.split(' ').map((part, i) => {
      const [, name, arrow, peer, keys] = /^(\w)(?:([<>])(\w))?(\d+)?$/.exec(part) ?? [];
      return {
        id: name.toLowerCase(),
        name: name.toLowerCase(),
        owns: name !== name.toLowerCase(),
        keys: Number(keys ?? 0),
        migratingTo: arrow === '>' ? peer : undefined,
        importingFrom: arrow === '<' ? peer : undefined,
        slotCount: 100 + i,
      };
    });
  const stepsOf = ({ steps }: SlotFix<SlotHolder>): string =>
    steps
      .map((step) => {
        if (step.kind === 'move') return `move ${step.owner.id}>${step.target.id}`;
        if (step.kind === 'take' || step.kind === 'close') return `${step.kind} ${step.node.id}`;
        return `${step.kind} ${step.node.id}>${step.owner.id}`;
      })
      .join(', ');

  it.each([
    ['only the target was opened', 'A5 b<a c', 'drain b>a'],
    ['both were opened', 'A>b5 b<a c', 'move a>b'],
    ['half of the keys have moved', 'A>b5 b<a5 c', 'move a>b'],
    ['all keys have moved', 'A>b b<a9 c', 'move a>b'],
    ['the target owns it, the source does not know', 'a>b B9 c', 'close a'],
    ['the target is closed', 'A>b5 b c', 'close a'],
    ['the target was closed with keys', 'A>b5 b3 c', 'drain b>a, close a'],
    ['the source was closed, the target has keys', 'A5 b<a3 c', 'drain b>a'],
    ['a third one is importing as well', 'A>b5 b<a c<a', 'close c, move a>b'],
    ['a third one has keys', 'A>b5 b<a c<a2', 'drain c>a, move a>b'],
    ['importing from somebody else', 'A>b5 b<c c', 'close b, close a'],
    ['nobody owns it, one has keys', 'a<c b<c4 c', 'take b, close a'],
    ['nobody owns it, two have keys', 'a<c1 b<c4 c', 'yield a>b, take b, drain a>b'],
    ['nobody owns it or has keys: the master with fewest slots', 'a b<a c', 'take a, close b'],
    ['two own it', 'A>b1 B<a4 c', 'yield a>b, take b, drain a>b'],
  ])('that is open: %s', (_, text, expected) => {
    expect(stepsOf(planOpenSlot(93, holders(text)))).toBe(expected);
  });

  it.each([
    ['without keys', 'a b c', 'take a'],
    ['with keys on one', 'a b3 c', 'take b'],
    ['with keys on several', 'a2 b3 c', 'yield a>b, take b, drain a>b'],
  ])('that nobody serves: %s', (_, text, expected) => {
    expect(stepsOf(planUncoveredSlot(93, holders(text)))).toBe(expected);
  });

  it('gives slots that nobody serves to the masters with fewest, neighbours together', () => {
    const shares = shareOut([1, 2, 3, 7, 8, 9, 20], holders('a b c'));
    expect([...shares]).toEqual([
      [1, 'a'],
      [2, 'a'],
      [3, 'a'],
      [7, 'a'],
      [8, 'b'],
      [9, 'b'],
      [20, 'c'],
    ]);
  });

  it.each([
    ['two owners without keys', 'A B c', 'yield b>a, take a, close b'],
    ['two owners, one with keys', 'A B5 c', 'yield a>b, take b, close a'],
    ['two owners with keys', 'A2 B5 c', 'yield a>b, take b, drain a>b'],
    ['stray keys', 'A c2 b9', 'drain c>a, drain b>a'],
  ])('that is shared: %s', (_, text, expected) => {
    expect(stepsOf(planSharedSlot(93, holders(text)))).toBe(expected);
  });

  it('says in the words of redis-cli what it is going to do', () => {
    expect(planOpenSlot(93, holders('A>b5 b<a2 c')).lines).toEqual([
      '>>> Fixing open slot 93',
      '*** Found keys about slot 93 in non-owner node b!',
      'Set as migrating in: a',
      'Set as importing in: b',
      '>>> Case 1: Moving slot 93 from a to b',
    ]);
  });
});
