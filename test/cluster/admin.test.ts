/** CLUSTER subcommands: replies, in the words and the order of redis-server 7.0. */
import { describe, expect, it } from 'vitest';
import type { AdminCommand } from '../../src/cluster/core/admin.js';
import { infoText, nodesText, shardId, shards, slotRanges } from '../../src/cluster/core/queries.js';
import { SimCluster, type SimNode } from './simCluster.js';

const meet = (ip: string, port: string, busPort?: string): AdminCommand => ({ kind: 'meet', ip, port, busPort });
const addSlots = (...slots: string[]): AdminCommand => ({ kind: 'addSlots', slots });
const delSlots = (...slots: string[]): AdminCommand => ({ kind: 'delSlots', slots });
const addRange = (...bounds: string[]): AdminCommand => ({ kind: 'addSlotsRange', bounds });
const delRange = (...bounds: string[]): AdminCommand => ({ kind: 'delSlotsRange', bounds });
const setSlot = (...args: string[]): AdminCommand => ({ kind: 'setSlot', args });
const epoch = (text: string): AdminCommand => ({ kind: 'setConfigEpoch', epoch: text });

const BAD_SLOT = 'ERR Invalid or out of range slot';
const BAD_ACTION = 'ERR Invalid CLUSTER SETSLOT action or number of arguments. Try CLUSTER HELP';

describe('a lone node', () => {
  /** Run in this order on one node. */
  const table: readonly (readonly [AdminCommand, string])[] = [
    [meet('127.0.0.1', 'abc'), 'ERR Invalid TCP base port specified: abc'],
    [meet('127.0.0.1', '0'), 'ERR Invalid node address specified: 127.0.0.1:0'],
    [meet('127.0.0.1', '70000'), 'ERR Invalid node address specified: 127.0.0.1:70000'],
    [meet('127.0.0.1', '60000'), 'ERR Invalid node address specified: 127.0.0.1:60000'],
    [meet('foo', '7000'), 'ERR Invalid node address specified: foo:7000'],
    [meet('1.2.3', '7000'), 'ERR Invalid node address specified: 1.2.3:7000'],
    [meet('127.0.0.1', '7000', 'x'), 'ERR Invalid TCP bus port specified: x'],
    [meet('127.0.0.1', '7000', '70000'), 'ERR Invalid node address specified: 127.0.0.1:7000'],
    [addSlots('1', '1'), 'ERR Slot 1 specified multiple times'],
    [addSlots('1', '1', 'abc'), BAD_SLOT],
    [addSlots('16384'), BAD_SLOT],
    [addSlots('-1'), BAD_SLOT],
    [delSlots('5'), 'ERR Slot 5 is already unassigned'],
    [addRange('5', '3'), 'ERR start slot number 5 is greater than end slot number 3'],
    [addRange('1', '5', '5', '7'), 'ERR Slot 5 specified multiple times'],
    [addRange('1', '5', 'x', '7'), BAD_SLOT],
    [addSlots('3', '4'), 'OK'],
    [addSlots('9', '4'), 'ERR Slot 4 is already busy'],
    [addRange('0', '10'), 'ERR Slot 3 is already busy'],
    [delSlots('3', '3'), 'ERR Slot 3 specified multiple times'],
    [delRange('3', '5'), 'ERR Slot 5 is already unassigned'],
    [setSlot('99999', 'node', 'x'), BAD_SLOT],
    [setSlot('abc', 'stable'), BAD_SLOT],
    [setSlot('3', 'foo'), BAD_ACTION],
    [setSlot('3', 'stable', 'x'), BAD_ACTION],
    [setSlot('3', 'node'), BAD_ACTION],
    [setSlot('3', 'migrating', 'abc'), "ERR I don't know about node abc"],
    [setSlot('5', 'MIGRATING', 'abc'), "ERR I'm not the owner of hash slot 5"],
    [setSlot('3', 'importing', 'abc'), "ERR I'm already the owner of hash slot 3"],
    [setSlot('5', 'importing', 'abc'), "ERR I don't know about node abc"],
    [setSlot('3', 'node', 'abc'), 'ERR Unknown node abc'],
    [setSlot('3', 'stable'), 'OK'],
    [{ kind: 'forget', id: 'abc' }, 'ERR Unknown node abc'],
    [epoch('-1'), 'ERR Invalid config epoch specified: -1'],
    [epoch('abc'), 'ERR value is not an integer or out of range'],
    [epoch('0'), 'OK'],
    [epoch('4'), 'OK'],
    [epoch('4'), 'ERR Node config epoch is already non-zero'],
    [{ kind: 'bumpEpoch' }, 'STILL 4'],
    [{ kind: 'saveConfig' }, 'OK'],
    [{ kind: 'flushSlots' }, 'OK'],
    [delSlots('3'), 'ERR Slot 3 is already unassigned'],
  ];

  it('replies as redis-server does', () => {
    const sim = new SimCluster({ nodes: 1 });
    expect(table.map(([command]) => sim.admin(sim.nodes[0], command))).toEqual(table.map(([, reply]) => reply));
    expect(sim.nodes[0].core.state.nodes.size).toBe(1);
  });

  it('takes IPv6 addresses in any spelling, and meets nobody twice', () => {
    const sim = new SimCluster({ nodes: 1 });
    const [node] = sim.nodes;
    for (const ip of ['2001:DB8:0:0::1', '2001:db8::1', '2001:0db8:0:0:0:0:0:1']) {
      expect(sim.admin(node, meet(ip, '7000'))).toBe('OK');
    }
    expect(sim.admin(node, meet('::ffff:10.0.0.7', '7000'))).toBe('OK');
    const text = nodesText(node.core);
    expect(text).toContain(' 2001:db8::1:7000@17000 handshake ');
    expect(text).toContain(' 10.0.0.7:7000@17000 handshake ');
    expect(node.core.state.nodes.size).toBe(3);
    for (const ip of ['::1::', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', ':1', 'g::', '1.2.3.256', '01.2.3.4', '']) {
      expect(sim.admin(node, meet(ip, '7000'))).toBe(`ERR Invalid node address specified: ${ip}:7000`);
    }
  });

  it('bumps its epoch from zero, and assigns nothing when one slot of many is wrong', () => {
    const sim = new SimCluster({ nodes: 1 });
    const [node] = sim.nodes;
    expect(sim.admin(node, { kind: 'bumpEpoch' })).toBe('BUMPED 1');
    expect(sim.admin(node, { kind: 'bumpEpoch' })).toBe('STILL 1');
    sim.admin(node, addRange('0', '5', '3', '9'));
    sim.admin(node, addSlots('0', '1', 'x'));
    expect(node.core.state.slotsAssigned).toBe(0);
  });

  it('serves alone once it owns all slots, two seconds after its start', () => {
    const sim = new SimCluster({ nodes: 1 });
    const [node] = sim.nodes;
    sim.admin(node, addRange('0', '16383'));
    sim.run(1900);
    expect(node.core.stateOk).toBe(false);
    sim.run(400);
    expect(node.core.stateOk).toBe(true);
    expect(node.effects.some((effect) => effect.kind === 'stateChanged' && effect.ok)).toBe(true);
    sim.admin(node, delSlots('77'));
    expect(node.core.stateOk).toBe(false);
    expect(infoText(node.core, 5)).toBe(
      [
        'cluster_state:fail',
        'cluster_slots_assigned:16383',
        'cluster_slots_ok:16383',
        'cluster_slots_pfail:0',
        'cluster_slots_fail:0',
        'cluster_known_nodes:1',
        'cluster_size:1',
        'cluster_current_epoch:0',
        'cluster_my_epoch:0',
        'cluster_stats_messages_sent:0',
        'cluster_stats_messages_received:0',
        'total_cluster_links_buffer_limit_exceeded:5',
        '',
      ].join('\r\n'),
    );
  });
});

describe('a member', () => {
  function pair(): { sim: SimCluster; a: SimNode; b: SimNode } {
    const sim = SimCluster.joined({ nodes: 2 });
    return { sim, a: sim.nodes[0], b: sim.nodes[1] };
  }

  it('refuses what would break the cluster', () => {
    const { sim, a, b } = pair();
    expect(sim.admin(a, { kind: 'forget', id: a.id })).toBe("ERR I tried hard but I can't forget myself...");
    expect(sim.admin(a, epoch('9'))).toBe(
      'ERR The user can assign a config epoch only when the node does not know any other node.',
    );
    a.keysInSlot.set(5, 1);
    expect(sim.admin(a, setSlot('5', 'node', b.id))).toBe(
      "ERR Can't assign hashslot 5 to a different node while I still hold keys for this hash slot.",
    );
    expect(sim.admin(a, { kind: 'flushSlots' })).toBe('ERR DB must be empty to perform CLUSTER FLUSHSLOTS.');
    a.keysInSlot.clear();
    expect(sim.admin(a, setSlot('5', 'node', b.id))).toBe('OK');
    expect(a.core.slotOwner(5)?.id).toBe(b.id);
  });

  it('routes by slot', () => {
    const { sim, a, b } = pair();
    expect([a.core.isMine(0), a.core.isMine(16383), b.core.isMine(16383)]).toEqual([true, false, true]);
    expect(a.core.slotOwner(16383)?.id).toBe(b.id);
    sim.admin(a, setSlot('5', 'migrating', b.id));
    sim.admin(b, setSlot('5', 'importing', a.id));
    expect([a.core.migratingTo(5)?.id, b.core.importingFrom(5)?.id]).toEqual([b.id, a.id]);
    expect([a.core.importingFrom(5), b.core.migratingTo(5)]).toEqual([undefined, undefined]);
    sim.admin(a, setSlot('5', 'stable'));
    expect(a.core.migratingTo(5)).toBeUndefined();
  });

  it('shows slots, shards and message counts', () => {
    const { a, b } = pair();
    expect(slotRanges(a.core).map(({ start, end, nodes }) => [start, end, nodes.map((node) => node.id)])).toEqual([
      [0, 8191, [a.id]],
      [8192, 16383, [b.id]],
    ]);
    const found = shards(a.core).map(({ slots, nodes }) => [slots, nodes[0].node.id, nodes[0].role, nodes[0].health]);
    expect(found).toContainEqual([[8192, 16383], b.id, 'master', 'online']);
    expect(shardId(a.core.myself)).toMatch(/^[0-9a-f]{40}$/);
    expect(shardId(a.core.findNode(b.id)!)).toBe(shardId(b.core.myself));
    expect(shardId(a.core.myself)).not.toBe(shardId(b.core.myself));
    const info = infoText(b.core, 0);
    expect(info).toMatch(/cluster_stats_messages_ping_sent:\d+\r\n/);
    expect(info).toContain('cluster_stats_messages_meet_sent:1\r\n');
    expect(info).toMatch(/cluster_stats_messages_pong_received:\d+\r\n/);
  });
});
