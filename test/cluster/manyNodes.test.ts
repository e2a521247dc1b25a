/** What the core does differently because there may be a thousand members. */
import { describe, expect, it } from 'vitest';
import { ClusterCore } from '../../src/cluster/core/core.js';
import type { CoreConfig, Effect } from '../../src/cluster/core/effects.js';
import { encodePing, type FrameHeader } from '../../src/cluster/core/frame.js';
import { ClusterNode } from '../../src/cluster/core/node.js';
import { NODE_MASTER, NODE_MYSELF, NODE_REPLICA, PONG, SLOT_BITMAP_BYTES } from '../../src/cluster/core/protocol.js';
import { ClusterState } from '../../src/cluster/core/state.js';

const NOW_MS = 1_700_000_000_000;
const ME = '0'.repeat(40);

function stateWith(...ids: string[]): { state: ClusterState; nodes: ClusterNode[] } {
  const state = new ClusterState(new ClusterNode(ME, NODE_MYSELF | NODE_MASTER, NOW_MS));
  const nodes = ids.map((id) => new ClusterNode(id, NODE_MASTER, NOW_MS));
  for (const node of nodes) state.addNode(node);
  return { state, nodes };
}

function found(state: ClusterState, id: string): ClusterNode | undefined {
  return state.findById(Buffer.from(`..${id}..`, 'latin1'), 2);
}

describe('a member is found by the bytes of its id', () => {
  const a = 'abcdef0123'.padEnd(40, '1');
  const b = 'abcdef0123'.padEnd(40, '2');

  it('also when another begins like it', () => {
    const { state, nodes } = stateWith(a, b);
    expect([a, b, ME].map((id) => found(state, id))).toEqual([...nodes, state.myself]);
    expect(found(state, a.replace(/1$/, '3'))).toBeUndefined();
  });

  it('under its new id once it is renamed, and no more when it is removed', () => {
    const { state, nodes } = stateWith(a, b);
    state.renameNode(nodes[0], 'f'.repeat(40));
    expect([found(state, a), found(state, 'f'.repeat(40))]).toEqual([undefined, nodes[0]]);
    state.removeNode(nodes[1]);
    expect(found(state, b)).toBeUndefined();
    state.verify();
  });
});

describe('a slot bitmap', () => {
  it('belongs to one node, and is empty again when the last slot is gone', () => {
    const { state, nodes } = stateWith('1'.repeat(40), '2'.repeat(40));
    const [a, b] = nodes;
    state.setOwner(100, a);
    expect([a.ownsSlot(100), b.ownsSlot(100), state.myself.ownsSlot(100)]).toEqual([true, false, false]);
    state.setOwner(100, b);
    expect([a.slotBitmap.every((byte) => byte === 0), b.ownsSlot(100)]).toEqual([true, true]);
    state.setOwner(7, a);
    expect([a.ownsSlot(7), a.ownsSlot(100), a.slotCount]).toEqual([true, false, 1]);
    state.verify();
  });
});

describe('the epoch that a frame tells', () => {
  const header = (sender: string, masterId: string): FrameHeader => ({
    port: 6379,
    plainPort: 0,
    busPort: 16379,
    currentEpoch: 0,
    configEpoch: 5,
    replicationOffset: 0,
    sender,
    slots: new Uint8Array(SLOT_BITMAP_BYTES),
    masterId,
    announcedIp: '10.0.0.2',
    flags: masterId === '' ? NODE_MASTER : NODE_REPLICA,
    stateOk: true,
    messageFlags: 0,
  });

  function effectsOf(role: number): Effect[] {
    const { state, nodes } = stateWith('1'.repeat(40), '2'.repeat(40));
    const [master, sender] = nodes;
    Object.assign(sender, { flags: role, ip: '10.0.0.2', port: 6379, busPort: 16379 });
    if (role === NODE_REPLICA) state.setMaster(sender, master);
    const core = new ClusterCore(
      {
        config: { announceIp: '', announceHostname: '', nodeTimeoutMs: 15_000 } as CoreConfig,
        random: { below: () => 0 },
        newNodeId: () => ME,
        countKeysInSlot: () => 0,
        isDatabaseEmpty: () => true,
        replicationOffset: () => 0,
        masterSilentMs: () => 0,
        masterLinkUp: () => false,
      },
      state,
      NOW_MS,
    );
    core.step(NOW_MS, { kind: 'accepted', link: 1, remoteIp: '10.0.0.2', localIp: '10.0.0.1' });
    const frame = encodePing(PONG, header(sender.id, role === NODE_REPLICA ? master.id : ''), [], '');
    const effects = core.step(NOW_MS, { kind: 'frame', link: 1, frame });
    expect(sender.configEpoch).toBe(5);
    return effects;
  }

  it('is saved when it is a master’s, and not when it is a replica’s, of which nodes.conf has none', () => {
    expect(effectsOf(NODE_MASTER).map(({ kind }) => kind)).toContain('persist');
    expect(effectsOf(NODE_REPLICA).map(({ kind }) => kind)).not.toContain('persist');
  });
});
