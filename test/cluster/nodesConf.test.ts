import { describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/prng.js';
import { ClusterNode } from '../../src/cluster/core/node.js';
import { type LoadedNodesConf, parseNodesConf, printNodesConf } from '../../src/cluster/core/nodesConf.js';
import * as protocol from '../../src/cluster/core/protocol.js';
import { ClusterState } from '../../src/cluster/core/state.js';

const NOW_MS = 1_700_000_000_000;
const A = 'a'.repeat(40);
const B = 'b'.repeat(40);
const C = 'c'.repeat(40);

function loaded(text: string): LoadedNodesConf {
  const result = parseNodesConf(text, NOW_MS);
  if ('reason' in result) throw new Error(`line ${result.line}: ${result.reason}`);
  result.state.verify();
  return result;
}

function errorOf(text: string): string {
  const result = parseNodesConf(text, NOW_MS);
  return 'reason' in result ? `${result.line}: ${result.reason}` : 'fine';
}

const FILE = `${A} 127.0.0.1:7000@17000,one.example myself,master - 0 0 3 connected 0-100 200 [5->-${B}] [300-<-${B}]
${B} fe80::1:7001@17001 master,fail? - 0 0 7 disconnected 300-16383
${C} 127.0.0.1:7002@17002 slave,nofailover ${B} 0 0 7 disconnected
vars currentEpoch 9 lastVoteEpoch 8
`;

describe('nodes.conf', () => {
  it('says after printing what was parsed', () => {
    const { state, warnings } = loaded(FILE);
    expect(warnings).toEqual([]);
    expect(printNodesConf(state)).toBe(FILE);
  });

  it('is understood', () => {
    const { state } = loaded(FILE);
    const [a, b, c] = [A, B, C].map((id) => state.nodes.get(id)!);
    expect(state.myself).toBe(a);
    expect([a.ip, a.port, a.busPort, a.hostname, a.configEpoch]).toEqual(['127.0.0.1', 7000, 17000, 'one.example', 3]);
    expect([b.ip, b.port, b.isPfail, b.slotCount]).toEqual(['fe80::1', 7001, true, 16084]);
    expect([c.master, c.isReplica, b.replicas]).toEqual([b, true, [c]]);
    expect([state.migrating[5], state.importing[300], state.owners[200], state.owners[201]]).toEqual([
      b,
      b,
      a,
      undefined,
    ]);
    expect([state.currentEpoch, state.lastVoteEpoch, state.slotsAssigned]).toEqual([9, 8, 102 + 16084]);
  });

  it('of older and later servers is understood too', () => {
    const old = loaded(`${A} 10.0.0.1:7000 myself,master - 5 6 0 connected\r\n\r\n`).state.myself;
    expect([old.busPort, old.pingSentMs, old.pongReceivedMs]).toEqual([17000, NOW_MS, NOW_MS]);
    const later = `${A} 10.0.0.1:7000@17000,,tls-port=0,shard-id=${C} myself,master - 0 0 0 connected`;
    expect(loaded(later).state.myself.announcedShardId).toBe(C);
    expect(loaded(`${A} :0@0 myself,master - 0 0 0 connected`).state.myself.ip).toBe('');
  });

  it('names unknown variables and goes on', () => {
    const text = `vars currentEpoch 4 favouriteColour 7 lastVoteEpoch 1\n${A} :1@2 myself,master - 0 0 0 connected`;
    const { state, warnings } = loaded(text);
    expect(warnings).toEqual(["Skipping unknown cluster config variable 'favouriteColour'"]);
    expect([state.currentEpoch, state.lastVoteEpoch]).toEqual([4, 1]);
  });

  it('never has a current epoch behind that of a node', () => {
    expect(loaded(`${A} :1@2 myself,master - 0 0 12 connected\nvars currentEpoch 4`).state.currentEpoch).toBe(12);
  });

  it('leaves out nodes in handshake', () => {
    const { state } = loaded(FILE);
    state.addNode(new ClusterNode('d'.repeat(40), protocol.NODE_HANDSHAKE, NOW_MS));
    expect(printNodesConf(state)).toBe(FILE);
  });

  const mine = `${A} :1@2 myself,master - 0 0 0 connected`;
  it.each([
    ['', "0: no node has the flag 'myself'"],
    ['\n\n', "0: no node has the flag 'myself'"],
    [`${B} 1.1.1.1:1@2 master - 0 0 0 connected`, "0: no node has the flag 'myself'"],
    ['garbage', '1: expected at least 8 fields, found 1'],
    [`${mine}\n${B} 1.1.1.1:1@2 master -`, '2: expected at least 8 fields, found 4'],
    [`\n${mine.replace('a', 'x')}`, `2: bad node id 'x${'a'.repeat(39)}'`],
    [`${mine}\n${mine}`, `2: node ${A} is defined twice`],
    [`${mine}\n${mine.replaceAll('a'.repeat(40), B)}`, "2: more than one node has the flag 'myself'"],
    [mine.replace(':1@2', '1.1.1.1'), "1: bad address '1.1.1.1'"],
    [mine.replace(':1@2', ':70000@1'), "1: port out of range in ':70000@1'"],
    [mine.replace(':1@2', ':1@2,a_b'), "1: bad host name 'a_b'"],
    [mine.replace('master', 'boss'), "1: unknown flag 'boss'"],
    [mine.replace('master', 'master,slave'), '1: a node is not master and slave at once'],
    [mine.replace(' - ', ` ${B} `), '1: only a slave has a master'],
    [mine.replace('master - ', 'slave me '), "1: bad master id 'me'"],
    [mine.replace('0 0 0 con', '0 0 -1 con'), "1: bad config epoch '-1'"],
    [mine.replace('0 0 0 con', '0 0 99999999999999999 con'), "1: bad config epoch '99999999999999999'"],
    [`${mine} 16384`, "1: slot out of range in '16384'"],
    [`${mine} 9-5`, "1: slot out of range in '9-5'"],
    [`${mine} five`, "1: bad slot 'five'"],
    [`${mine} [5->-abc]`, "1: bad open slot '[5->-abc]'"],
    [`${mine}\nvars currentEpoch`, "2: variable 'currentEpoch' has no value"],
    [`${mine}\nvars currentEpoch x`, "2: bad value 'x' of currentEpoch"],
  ])('that is corrupt is refused with the line: %j', (text, reason) => {
    expect(errorOf(text)).toBe(reason);
  });

  it('cut or damaged anywhere is refused or loads into a valid state', () => {
    const random = new Prng(11);
    for (let round = 0; round < 1500; round++) {
      let text = FILE.slice(0, random.below(2) === 0 ? FILE.length : random.below(FILE.length));
      for (let i = random.below(4); i > 0; i--) {
        const at = random.below(text.length + 1);
        text = text.slice(0, at) + String.fromCharCode(random.below(128)) + text.slice(at + random.below(3));
      }
      const result = parseNodesConf(text, NOW_MS);
      if ('state' in result) {
        result.state.verify();
        expect(printNodesConf(loaded(printNodesConf(result.state)).state)).toBe(printNodesConf(result.state));
      }
    }
  });

  it('of random clusters survives the round trip', () => {
    const random = new Prng(5);
    for (let round = 0; round < 20; round++) {
      const id = (): string => Array.from({ length: 40 }, () => random.below(16).toString(16)).join('');
      const state = new ClusterState(new ClusterNode(id(), protocol.NODE_MYSELF | protocol.NODE_MASTER, NOW_MS));
      for (let i = random.below(6); i > 0; i--) {
        const node = new ClusterNode(id(), protocol.NODE_MASTER, NOW_MS);
        node.ip = `10.0.0.${i}`;
        node.port = i;
        node.busPort = 10000 + i;
        node.configEpoch = random.below(9);
        state.addNode(node);
      }
      for (let slot = 0; slot < 16384; slot++) {
        const owner = random.below(8);
        if (random.below(50) > 0 && slot > 0) state.setOwner(slot, state.owners[slot - 1]);
        else state.setOwner(slot, state.list[owner]);
      }
      state.currentEpoch = state.maxEpoch() + random.below(5);
      state.verify();
      expect(printNodesConf(loaded(printNodesConf(state)).state)).toBe(printNodesConf(state));
    }
  });
});
