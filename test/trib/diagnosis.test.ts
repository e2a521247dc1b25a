import { describe, expect, it } from 'vitest';
import { diagnose } from '../../src/trib/diagnosis.js';
import { joinGaps, type Opinion, replicaGaps } from '../../src/trib/join.js';
import { parseNodeView } from '../../src/trib/node-view.js';

/** A three-node cluster's member: `overrides` replaces the lines it has about the nodes with these ids. */
function opinion(id: string, overrides: Record<string, string | undefined> = {}, stateOk = true): Opinion {
  const slots: Record<string, string> = { a: '0-5460', b: '5461-10922', c: '10923-16383' };
  const lines = ['a', 'b', 'c'].map((other, i) => {
    const flags = other === id ? 'myself,master' : 'master';
    const usual = `${other} 10.0.0.${i + 1}:6379@16379 ${flags} - 0 0 ${i + 1} connected ${slots[other]}`;
    return other in overrides ? overrides[other] : usual;
  });
  const view = parseNodeView(lines.filter((line) => line !== undefined).join('\n'));
  if (view === undefined) throw new Error('no view');
  return { name: `node-${id}`, id, view, stateOk };
}

const HEALTHY = [opinion('a'), opinion('b'), opinion('c')];

describe('diagnosing a cluster', () => {
  it('finds nothing in a healthy one', () => {
    expect(diagnose(HEALTHY)).toEqual({
      disagreements: [],
      migrating: [],
      importing: [],
      openSlots: [],
      uncovered: [],
      suspected: [],
    });
  });

  it('names who contradicts whom about which slots', () => {
    const shrunk = opinion('c', { c: 'c 10.0.0.3:6379@16379 myself,master - 0 0 3 connected 10923-16382' });
    const { disagreements, uncovered } = diagnose([HEALTHY[0], HEALTHY[1], shrunk]);
    expect(disagreements).toEqual([
      'node-a gives node-c slots 10923-16383, node-c itself claims slots 10923-16382',
      'node-b gives node-c slots 10923-16383, node-c itself claims slots 10923-16382',
    ]);
    expect(uncovered).toEqual([{ first: 16383, last: 16383 }]);
  });

  it('names who does not know whom', () => {
    expect(diagnose([opinion('a', { b: undefined }), HEALTHY[1], HEALTHY[2]]).disagreements).toEqual([
      'node-a does not know node-b',
    ]);
  });

  it('lists open slots at both ends, each once', () => {
    const from = opinion('a', { a: 'a 10.0.0.1:6379@16379 myself,master - 0 0 1 connected 0-5460 [7->-b] [93->-c]' });
    const to = opinion('b', { b: 'b 10.0.0.2:6379@16379 myself,master - 0 0 2 connected 5461-10922 [7-<-a]' });
    const { migrating, importing, openSlots, disagreements } = diagnose([from, to, HEALTHY[2]]);
    expect({ migrating, importing, openSlots, disagreements }).toEqual({
      migrating: [{ name: 'node-a', slots: [7, 93] }],
      importing: [{ name: 'node-b', slots: [7] }],
      openSlots: [7, 93],
      disagreements: [],
    });
  });

  it('tells who holds a node for failed', () => {
    const failing = 'c 10.0.0.3:6379@16379 master,fail? - 0 0 3 connected 10923-16383';
    expect(diagnose([opinion('a', { c: failing }), HEALTHY[1], HEALTHY[2]]).suspected).toEqual([
      'Node 10.0.0.3:6379 is failing in the eyes of node-a.',
    ]);
  });

  it('counts the slots of a member that is not there as uncovered', () => {
    expect(diagnose([HEALTHY[0], HEALTHY[1]]).uncovered).toEqual([{ first: 10923, last: 16383 }]);
  });
});

describe('what is missing for a join', () => {
  it('is nothing in a healthy cluster', () => {
    expect(joinGaps(HEALTHY)).toEqual([]);
  });

  it.each([
    ['an unknown node', undefined],
    ['a handshake', 'x 10.0.0.3:6379@16379 handshake - 0 0 0 connected'],
    ['a link that is down', 'c 10.0.0.3:6379@16379 master - 0 0 3 disconnected 10923-16383'],
  ])('is sight of the others: %s', (_, seen) => {
    expect(joinGaps([opinion('a', { c: seen }), HEALTHY[1], HEALTHY[2]])).toEqual(['node-a has not seen node-c']);
  });

  it('is agreement, an epoch of its own for each master, and the state ok', () => {
    const other = opinion('b', { b: 'b 10.0.0.2:6379@16379 myself,master - 0 0 1 connected 5461-10000' }, false);
    expect(joinGaps([HEALTHY[0], other, HEALTHY[2]])).toEqual([
      'node-b and node-a do not agree about the slots yet',
      'node-b and node-a have the same config epoch 1',
      'node-b reports cluster_state:fail',
    ]);
  });
});

describe('what is missing for replicas to be known', () => {
  const replica = { name: 'node-c', id: 'c', masterId: 'a' };
  const asReplica = (flags: string): string => `c 10.0.0.3:6379@16379 ${flags} a 0 0 1 connected`;

  it('is that a node still takes one for a master', () => {
    const opinions = [
      opinion('a', { c: asReplica('slave') }),
      HEALTHY[1],
      opinion('c', { c: asReplica('myself,slave') }),
    ];
    expect(replicaGaps(opinions, [replica])).toEqual(['node-b has not heard which master is replicated by node-c']);
  });

  it('is nothing when all have heard', () => {
    const opinions = ['a', 'b'].map((id) => opinion(id, { c: asReplica('slave') }));
    expect(replicaGaps(opinions, [replica])).toEqual([]);
  });
});
