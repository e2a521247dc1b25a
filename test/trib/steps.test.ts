import { describe, expect, it } from 'vitest';
import { parseNodeView } from '../../src/trib/node-view.js';
import { planCluster } from '../../src/trib/plan.js';
import { formatRanges } from '../../src/trib/slots.js';
import { type Candidate, isUnfinished, nothingLeft, pickEpochs, remainingSteps } from '../../src/trib/steps.js';

const NODE_IDS = ['a', 'b', 'c', 'd', 'e', 'f'];
const HALF = ['0-5460', '5461-10922', '10923-16383'];

/** What one of six nodes on one host says: its slots, its epoch, its master, and further lines of CLUSTER NODES. */
interface Given {
  slots?: string;
  epoch?: number;
  master?: string;
  keys?: number;
  knows?: string[];
}

function candidate(i: number, { slots = '', epoch = 0, master, keys = 0, knows = [] }: Given): Candidate {
  const role = master === undefined ? 'myself,master -' : `myself,slave ${master}`;
  const lines = [`${NODE_IDS[i]} 10.0.0.1:${7001 + i}@${17001 + i} ${role} 0 0 ${epoch} connected ${slots}`, ...knows];
  const view = parseNodeView(lines.join('\n'));
  if (view === undefined) throw new Error('no view');
  return { host: '10.0.0.1', port: 7001 + i, keyCount: keys, view };
}

/** A line about node i as others see it. */
function line(i: number, slots = '', flags = 'master', master = '-', id = NODE_IDS[i]): string {
  return `${id} 10.0.0.1:${7001 + i}@${17001 + i} ${flags} ${master} 0 0 ${i + 1} connected ${slots}`;
}

function candidates(given: Given[]): Candidate[] {
  return given.map((one, i) => candidate(i, one));
}

function describeSteps(nodes: Candidate[], replicas: number): string {
  const { addSlots, setEpoch, meet, replicate } = remainingSteps(planCluster(nodes, replicas), nodes);
  const id = (node: Candidate): string => node.view.myself.id;
  return [
    ...addSlots.map(({ node, ranges }) => `slots ${id(node)} ${formatRanges(ranges)}`),
    ...setEpoch.map(({ node, epoch }) => `epoch ${id(node)} ${epoch}`),
    ...meet.map((node) => `meet ${id(node)}`),
    ...replicate.map(({ node, master }) => `replicate ${id(node)} ${id(master)}`),
  ].join('; ');
}

const EVERYONE = [line(0, HALF[0]), line(1, HALF[1]), line(2, HALF[2])];
const FINISHED: Given[] = [0, 1, 2].map((i) => ({
  slots: HALF[i],
  epoch: i + 1,
  knows: EVERYONE.filter((_, j) => j !== i),
}));

describe('the steps that are left', () => {
  it('are all of them for fresh nodes', () => {
    expect(describeSteps(candidates([{}, {}, {}]), 0)).toBe(
      'slots a 0-5460; slots b 5461-10922; slots c 10923-16383; epoch a 1; epoch b 2; epoch c 3; meet b; meet c',
    );
  });

  it('leave out the slots and epochs that are set', () => {
    expect(describeSteps(candidates([{ slots: HALF[0], epoch: 1 }, { slots: '5461-6000' }, {}]), 0)).toBe(
      'slots b 6001-10922; slots c 10923-16383; epoch b 2; epoch c 3; meet b; meet c',
    );
  });

  it('meet a node again that is only being met, or that the first node does not know', () => {
    const handshake = line(1, '', 'handshake', '-', 'x');
    const given = [
      { slots: HALF[0], epoch: 1, knows: [handshake] },
      { slots: HALF[1], epoch: 2, knows: [line(0, HALF[0])] },
      { slots: HALF[2], epoch: 3 },
    ];
    expect(describeSteps(candidates(given), 0)).toBe('meet b; meet c');
  });

  it('are none for the finished cluster', () => {
    const nodes = candidates(FINISHED);
    expect(nothingLeft(remainingSteps(planCluster(nodes, 0), nodes))).toBe(true);
  });

  it('make a node the meeting point that every host can reach: a name may lead to loopback on its own host', () => {
    const [a, b, c] = candidates([{}, {}, {}]);
    const nodes = [{ ...a, host: '127.0.1.1' }, b, c];
    const { meetingPoint, meet } = remainingSteps(planCluster(nodes, 0), nodes);
    expect([meetingPoint, ...meet]).toEqual([nodes[1], nodes[0], nodes[2]]);
  });

  it('end with the replicas that do not replicate yet', () => {
    const given = [{}, {}, {}, {}, { master: 'a' }, {}];
    expect(describeSteps(candidates(given), 1)).toMatch(/replicate f b; replicate d c$/);
  });
});

describe('config epochs', () => {
  it.each([
    [
      [0, 0, 0],
      [1, 2, 3],
    ],
    [
      [1, 0, 0],
      [1, 2, 3],
    ],
    [
      [2, 0, 0],
      [2, 1, 3],
    ],
    [
      [0, 1, 0, 4],
      [2, 1, 3, 4],
    ],
    [
      [7, 0, 5],
      [7, 2, 5],
    ],
  ])('of nodes at %j become %j', (current, expected) => {
    expect(pickEpochs(current)).toEqual(expected);
  });
});

describe('an unfinished create of the same plan', () => {
  const unfinished = (given: Given[], replicas = 0): boolean => {
    const nodes = candidates(given);
    return isUnfinished(planCluster(nodes, replicas), nodes);
  };

  it.each<[string, Given[], number]>([
    ['fresh nodes', [{}, {}, {}], 0],
    ['some slots', [{ slots: HALF[0] }, {}, {}], 0],
    ['all slots and some epochs', [{ slots: HALF[0], epoch: 1 }, { slots: HALF[1] }, { slots: HALF[2] }], 0],
    ['a handshake with a node of the plan', [{ knows: [line(1, '', 'handshake', '-', 'x')] }, {}, {}], 0],
    ['the finished cluster', FINISHED, 0],
    ['a planned replica at work', [{}, {}, {}, {}, { master: 'a' }, {}], 1],
    ['a planned replica as others see it', [{ knows: [line(4, '', 'slave', 'a')] }, {}, {}, {}, {}, {}], 1],
  ])('is recognised by %s', (_, given, replicas) => {
    expect(unfinished(given, replicas)).toBe(true);
  });

  it.each<[string, Given[], number]>([
    ['keys', [{ slots: HALF[0], keys: 1 }, {}, {}], 0],
    ['slots of another plan', [{ slots: '0-5461' }, {}, {}], 0],
    ['a foreign node', [{ knows: [line(5)] }, {}, {}], 0],
    ['a handshake with a foreign node', [{ knows: [line(5, '', 'handshake', '-', 'x')] }, {}, {}], 0],
    ['an old id at an address of the plan', [{ knows: [line(1, '', 'master', '-', 'old')] }, {}, {}], 0],
    ['other owners in the eyes of one node', [{ knows: [line(1, '0-100')] }, {}, {}], 0],
    ['an open slot', [{ slots: '0-5460 [7->-b]' }, {}, {}], 0],
    ['a planned master that replicates', [{ master: 'b' }, {}, {}], 0],
    ['a replica of another master', [{}, {}, {}, {}, { master: 'c' }, {}], 1],
    ['slots on a planned replica', [{}, {}, {}, { slots: '5' }, {}, {}], 1],
  ])('is not seen in %s', (_, given, replicas) => {
    expect(unfinished(given, replicas)).toBe(false);
  });
});
