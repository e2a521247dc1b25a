import { describe, expect, it } from 'vitest';
import type { Evidence, NodeEvidence } from '../../src/trib/checkup/evidence.js';
import type { Explanation } from '../../src/trib/checkup/explanation.js';
import { findProblems } from '../../src/trib/checkup/findings.js';
import { parseNodeView } from '../../src/trib/node-view.js';

const SLOTS: Record<string, string> = { a: '0-5460', b: '5461-10922', c: '10923-16383' };

/** The line of CLUSTER NODES about a node: `a` to `c` are masters on hosts 1 to 3, `d` to `f` their replicas on 4 to 6. */
function line(id: string, viewer: string, changes: Record<string, string> = {}): string {
  const host = 'abcdef'.indexOf(id) + 1;
  const master = 'abc'['def'.indexOf(id)];
  const role = master === undefined ? 'master' : 'slave';
  const {
    flags = role,
    link = 'connected',
    slots = SLOTS[id] ?? '',
    epoch = String(host),
    ip = `10.0.0.${host}`,
    of = master ?? '-',
  } = changes;
  const myself = viewer === id ? 'myself,' : '';
  return `${id} ${ip}:6379@16379 ${myself}${flags} ${of} 0 0 ${epoch} ${link} ${slots}`.trim();
}

interface Changes {
  /** Of the line that the first node has about the second: `ab`. */
  readonly views?: Record<string, Record<string, string> | 'unknown'>;
  readonly extraLines?: Record<string, string>;
  readonly nodes?: Record<string, Partial<NodeEvidence>>;
}

/** A healthy cluster of three masters and three replicas on six hosts, but for the changes. */
function evidence(
  { views = {}, extraLines = {}, nodes = {} }: Changes,
  rest: Partial<Evidence> = {},
  ids = 'abcdef',
): Evidence {
  const known = ids + (rest.lost ?? []).map((gone) => gone.known.id).filter((id) => 'abcdef'.includes(id));
  const all = [...ids].map((id): NodeEvidence => {
    const lines = [...known].flatMap((other) => {
      const change = views[`${id}${other}`] ?? views[`*${other}`];
      return change === 'unknown' ? [] : [line(other, id, change)];
    });
    const view = parseNodeView([...lines, extraLines[id] ?? ''].join('\n'));
    if (view === undefined) throw new Error('no view');
    const ip = `10.0.0.${'abcdef'.indexOf(id) + 1}`;
    return {
      id,
      name: id.toUpperCase(),
      ip,
      port: 6379,
      busPort: 16379,
      view,
      busPortOpen: true,
      stateOk: true,
      version: '7.0.15',
      clockOffsetMs: 0,
      clockUncertaintyMs: 1,
      masterLinkUp: undefined,
      strayKeys: 0,
      straySlots: [],
      ...nodes[id],
    };
  });
  return { entry: 'A', nodes: all, lost: [], wrongAnnouncement: undefined, ...rest };
}

function lost(id: string, known: Record<string, string> = {}): Evidence['lost'][number] {
  const view = parseNodeView(`${line('z', 'z')}\n${line(id, 'z', known)}`);
  return { known: view!.others[0], name: id.toUpperCase(), busPortOpen: false };
}

function say(found: readonly Explanation[]): string[] {
  return found.map(({ kind, severity, nodes }) => `${severity} ${kind} ${nodes.join(' ')}`);
}

describe('what is wrong with a cluster', () => {
  it('is nothing when it is healthy', () => {
    expect(findProblems(evidence({}))).toEqual([]);
  });

  it.each<[string, Evidence, string[], RegExp]>([
    [
      'a node that is gone',
      evidence({ views: { '*c': { link: 'disconnected', flags: 'master,fail' } } }, { lost: [lost('c')] }, 'abdef'),
      ['error node-unreachable C', 'error uncovered-slots C'],
      /Its replica can take its place: {2}trib failover --force F/,
    ],
    [
      'a node that runs, behind NAT or a firewall',
      evidence(
        { extraLines: { a: line('g', 'a', { slots: '' }), b: line('g', 'b', { slots: '' }) } },
        { lost: [lost('g', { slots: '' })] },
        'abcdef',
      ),
      ['error node-unreachable G', 'error leftover-node A B'],
      /It runs: A, B are linked with it over the bus\.\n.*NAT\.\n.*on its host:\nredis-cli -p 6379 config set cluster-announce-ip ADDRESS/,
    ],
    [
      'an entry node that the others know elsewhere',
      evidence({}, { wrongAnnouncement: { name: '10.0.0.1:6379', announced: '172.17.0.2:6379' } }),
      ['error wrong-announced-address 10.0.0.1:6379'],
      /known to the others as 172\.17\.0\.2:6379.*\n[\s\S]*redis-cli -h 10\.0\.0\.1 -p 6379 config set cluster-announce-ip 10\.0\.0\.1$/,
    ],
    [
      'one that they know on another port',
      evidence({}, { wrongAnnouncement: { name: '[::1]:6379', announced: '[::1]:7000' } }),
      ['error wrong-announced-address [::1]:6379'],
      /which that is:\nredis-cli -h ::1 -p 6379 config set cluster-announce-port 6379$/,
    ],
    [
      'a bus port that is closed, and links that are down in one direction',
      evidence({
        views: { ab: { link: 'disconnected' }, cb: { link: 'disconnected' } },
        nodes: { b: { busPortOpen: false } },
      }),
      ['error bus-port-closed B', 'error link-down A C B'],
      /B is linked with A, C: something between them stops connections in one direction\.\nTry on A's host: {2}nc -vz 10\.0\.0\.2 16379/,
    ],
    [
      'a bus port that is closed to us only',
      evidence({ nodes: { b: { busPortOpen: false } } }),
      ['warning bus-port-closed B'],
      /a firewall that only lets them through is in order/,
    ],
    [
      'a link that is down in both directions',
      evidence({ views: { ab: { link: 'disconnected' }, ba: { link: 'disconnected' } } }),
      ['error link-down B A', 'error link-down A B'],
      /There is no link in the other direction either\./,
    ],
    [
      'a node that does not know another one',
      evidence({ views: { ad: 'unknown' } }),
      ['error node-unknown A D'],
      /redis-cli -h 10\.0\.0\.1 -p 6379 cluster meet 10\.0\.0\.4 6379/,
    ],
    [
      'a node that tries to meet nobody',
      evidence({ extraLines: { a: line('g', 'a', { flags: 'handshake', slots: '' }) } }),
      ['warning stuck-handshake A'],
      /Node A is trying to meet 10\.0\.0\.\d:6379@16379/,
    ],
    [
      'a leftover in nodes.conf',
      evidence(
        { extraLines: { b: line('g', 'b', { flags: 'master,fail', link: 'disconnected', slots: '' }) } },
        { lost: [lost('g', { slots: '' })] },
      ),
      ['error node-unreachable G', 'error leftover-node B'],
      /left over in nodes\.conf[\s\S]*redis-cli -h 10\.0\.0\.2 -p 6379 cluster forget g/,
    ],
    [
      'different views',
      evidence({ views: { ab: { slots: '5461-10921' } } }),
      ['error view-differs A B C D E F'],
      /A gives B slots 5461-10921, B itself claims slots 5461-10922/,
    ],
    [
      'a slot with two owners',
      evidence({ views: { bb: { slots: '5460-10922' } } }),
      ['error view-differs A B C D E F', 'error slot-with-two-owners A B'],
      /A, B claim the same slots: 5460\.\ntrib fix A/,
    ],
    [
      'an open slot',
      evidence({ views: { aa: { slots: '0-5460 [7->-b]' }, bb: { slots: '5461-10922 [7-<-a]' } } }),
      ['error open-slots A B'],
      /Slots are on the move: 7\.\nA gives 7 to B\.\nB takes 7 from A\.\n[\s\S]*trib fix A/,
    ],
    [
      'an uncovered slot',
      evidence({ views: { '*a': { slots: '0-5459' } } }),
      ['error uncovered-slots '],
      /Nobody serves 1 slot: 5460\.\ntrib fix A/,
    ],
    [
      'epochs that collide',
      evidence({ views: { '*b': { epoch: '1' } } }),
      ['error epoch-collision A B'],
      /same config epoch 1.*\nThey settle this themselves within seconds: look again\.\ntrib check A$/,
    ],
    [
      'epochs that collide without a link',
      evidence({ views: { '*b': { epoch: '1' }, bb: { epoch: '1' }, ab: { epoch: '1', link: 'disconnected' } } }),
      ['error link-down A B', 'error epoch-collision A B'],
      /cannot before: open the way between them\.\nTry on A's host: {2}nc -vz 10\.0\.0\.2 16379$/,
    ],
    [
      'keys of slots that are not a node’s own',
      evidence({ nodes: { c: { strayKeys: 5, straySlots: [1, 2, 9] } } }),
      ['error stray-keys C'],
      /Node C holds 5 keys of slots that are not its own: 1-2,9\.[\s\S]*trib fix A/,
    ],
    [
      'nodes that serve nobody',
      evidence({ nodes: { a: { stateOk: false } } }),
      ['error state-fail A'],
      /A: cluster_state:fail, clients are not served/,
    ],
    [
      'a replica that hears nothing',
      evidence({ nodes: { e: { masterLinkUp: false } } }),
      ['warning replica-without-data E'],
      /masterauth/,
    ],
    [
      'clocks that differ',
      evidence({ nodes: { a: { clockOffsetMs: -500 }, c: { clockOffsetMs: 61_000 } } }),
      ['warning clock-differs A C'],
      /The clock of C is 61\.5 s or more ahead of that of A\./,
    ],
    [
      'clocks that may be the same',
      evidence({ nodes: { c: { clockOffsetMs: 3000, clockUncertaintyMs: 2500 } } }),
      [],
      /^$/,
    ],
    [
      'versions that differ',
      evidence({ nodes: { c: { version: '7.2.0' } } }),
      ['warning version-differs A B C D E F'],
      /7\.0\.15: A, B, D, E, F\n7\.2\.0: C/,
    ],
    [
      'a master without a replica',
      evidence({}, {}, 'abcdf'),
      ['warning master-without-replica B'],
      /Master B has no replica\.\n[\s\S]*trib add-node NEW A --slave/,
    ],
    [
      'masters without any replica',
      evidence({}, {}, 'abc'),
      ['warning master-without-replica A B C'],
      /Masters without a replica: A, B, C\./,
    ],
    [
      'the same on one machine, to try things out',
      evidence({ nodes: { a: { ip: '127.0.0.1' }, b: { ip: '127.0.0.1' }, c: { ip: '127.0.0.1' } } }, {}, 'abc'),
      [],
      /^$/,
    ],
    [
      'a replica on its master’s host',
      evidence({ nodes: { d: { ip: '10.0.0.1' } } }),
      ['warning replica-on-master-host D A'],
      /Replica D is on the host of its master A[\s\S]*trib replicate D B/,
    ],
  ])('%s', (_, given, expected, words) => {
    const found = findProblems(given);
    expect(say(found)).toEqual(expected);
    expect(found.map(({ message, advice }) => [message, ...advice].join('\n')).join('\n')).toMatch(words);
  });
});
