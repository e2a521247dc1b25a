import { describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/prng.js';
import { divideSlots, interleaveByHost, planCluster, shapeError } from '../../src/trib/plan.js';
import { formatRanges } from '../../src/trib/slots.js';

/** `a1 a2 b1` are nodes 1 and 2 of host a and node 1 of host b. */
function nodes(text: string): { host: string; name: string }[] {
  return text.split(' ').map((name) => ({ host: name[0], name }));
}

function names(list: readonly { name: string }[]): string {
  return list.map(({ name }) => name).join(' ');
}

function planText(text: string, replicas: number): string {
  const plan = planCluster(nodes(text), replicas);
  return plan.masters
    .map(({ node }) => {
      const own = plan.replicas.filter(({ master }) => master === node).map((replica) => replica.node);
      return own.length === 0 ? node.name : `${node.name}<${names(own)}`;
    })
    .join(' ');
}

describe('dividing the slots', () => {
  it.each([
    [1, '0-16383'],
    [2, '0-8191,8192-16383'],
    [3, '0-5460,5461-10922,10923-16383'],
    [4, '0-4095,4096-8191,8192-12287,12288-16383'],
    [5, '0-3276,3277-6553,6554-9829,9830-13106,13107-16383'],
    [6, '0-2730,2731-5460,5461-8191,8192-10922,10923-13652,13653-16383'],
    [7, '0-2340,2341-4680,4681-7021,7022-9361,9362-11702,11703-14042,14043-16383'],
  ])('gives %i masters the ranges %s', (count, ranges) => {
    expect(formatRanges(divideSlots(count))).toBe(ranges);
  });

  it('covers every slot once, in sizes that differ by one at the most, for every number of masters to 1000', () => {
    for (let count = 1; count <= 1000; count++) {
      const ranges = divideSlots(count);
      const sizes = ranges.map(({ first, last }) => last - first + 1);
      expect(ranges[0].first).toBe(0);
      expect(ranges[count - 1].last).toBe(16383);
      expect(ranges.every(({ first }, i) => i === 0 || first === ranges[i - 1].last + 1)).toBe(true);
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
    }
  });
});

describe('the order of nodes', () => {
  it.each([
    ['a1 a2 a3', 'a1 a2 a3'],
    ['a1 b1 c1', 'c1 b1 a1'],
    ['a1 a2 b1 b2 c1 c2', 'c1 b1 a1 c2 b2 a2'],
    ['a1 a2 a3 b1', 'b1 a1 a2 a3'],
    ['a1 b1 a2 b2 b3', 'b1 a1 b2 a2 b3'],
  ])('of %s is %s: hosts in turn, the last one named first', (given, order) => {
    expect(names(interleaveByHost(nodes(given)))).toBe(order);
  });

  it('gives six hosts the ranges of the walk-through: the last one named has slot 0', () => {
    const plan = planCluster(nodes('a1 b1 c1 d1 e1 f1'), 0);
    expect(plan.masters.map(({ node, range }) => `${node.name} ${formatRanges([range])}`)).toEqual([
      'f1 0-2730',
      'e1 2731-5460',
      'd1 5461-8191',
      'c1 8192-10922',
      'b1 10923-13652',
      'a1 13653-16383',
    ]);
  });
});

describe('placing replicas', () => {
  it.each([
    ['one host', 'a1 a2 a3 a4 a5 a6', 1, 'a1<a5 a2<a6 a3<a4', 3],
    ['three hosts of two', 'a1 a2 b1 b2 c1 c2', 1, 'c1<b2 b1<a2 a1<c2', 0],
    ['two hosts of three', 'a1 a2 a3 b1 b2 b3', 1, 'b1<a3 a1<b3 b2<a2', 0],
    ['six hosts', 'a1 b1 c1 d1 e1 f1', 1, 'f1<b1 e1<a1 d1<c1', 0],
    ['a spare node', 'a1 b1 c1 d1 e1 f1 g1', 1, 'g1<c1 d1 f1<b1 e1<a1', 0],
    ['two replicas on three hosts', 'a1 a2 a3 b1 b2 b3 c1 c2 c3', 2, 'c1<b2 a2 b1<c3 a3 a1<b3 c2', 0],
    ['one crowded host', 'a1 a2 a3 a4 b1 c1', 1, 'c1<a3 b1<a4 a1<a2', 1],
  ])('on %s', (_, given, replicas, expected, besideMaster) => {
    expect({
      plan: planText(given, replicas),
      besideMaster: planCluster(nodes(given), replicas).replicasOnMasterHost,
    }).toEqual({ plan: expected, besideMaster });
  });

  it('uses every node once, evenly, and no master host where hosts are even (seeded)', () => {
    const random = new Prng(7);
    for (let round = 0; round < 300; round++) {
      const hosts = 3 + random.below(5);
      const perHost = 1 + random.below(4);
      const replicas = random.below(3);
      const all = Array.from({ length: hosts * perHost }, (_, i) => ({ host: `h${i % hosts}`, name: `n${i}` }));
      if (shapeError(all.length, replicas) !== undefined) continue;
      const plan = planCluster(all, replicas);
      const used = [...plan.masters, ...plan.replicas].map(({ node }) => node.name);
      expect(new Set(used).size).toBe(all.length);
      expect(used.length).toBe(all.length);
      const counts = plan.masters.map(({ node }) => plan.replicas.filter(({ master }) => master === node).length);
      expect(Math.min(...counts)).toBeGreaterThanOrEqual(replicas);
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
      expect(plan.replicasOnMasterHost, `round ${round}: ${hosts} hosts of ${perHost}, ${replicas} replicas`).toBe(0);
    }
  });
});

describe('the shape of a cluster', () => {
  it.each([
    [3, 0],
    [6, 1],
    [7, 1],
    [9, 2],
  ])('%i nodes with %i replicas are fine', (count, replicas) => {
    expect(shapeError(count, replicas)).toBeUndefined();
  });

  it.each([
    [1, 0, 3],
    [2, 0, 3],
    [5, 1, 6],
    [8, 2, 9],
  ])('%i nodes with %i replicas are refused in the words of redis-cli', (count, replicas, needed) => {
    expect(shapeError(count, replicas)).toEqual([
      '*** ERROR: Invalid configuration for cluster creation.',
      '*** Redis Cluster requires at least 3 master nodes.',
      `*** This is not possible with ${count} nodes and ${replicas} replicas per node.`,
      `*** At least ${needed} nodes are required.`,
    ]);
  });
});
