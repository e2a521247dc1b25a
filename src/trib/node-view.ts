import type { SlotRange } from './slots.js';

/** One line of CLUSTER NODES: what a node believes about one node (itself included). */
export interface KnownNode {
  readonly id: string;
  /** Empty for `myself` as long as nobody has told the node its own address. */
  readonly host: string;
  readonly port: number;
  readonly busPort: number;
  readonly flags: readonly string[];
  readonly masterId: string | undefined;
  readonly configEpoch: number;
  readonly linked: boolean;
  readonly slots: readonly SlotRange[];
  readonly migrating: readonly OpenSlot[];
  readonly importing: readonly OpenSlot[];
}

/** A slot on the move, and the node at the other end. */
export interface OpenSlot {
  readonly slot: number;
  readonly peerId: string;
}

/** All that one node believes about the cluster. */
export interface NodeView {
  readonly myself: KnownNode;
  /** The other nodes it knows, handshakes included. */
  readonly others: readonly KnownNode[];
}

/** Reads the text of CLUSTER NODES; undefined when it has no `myself` line. Lines it cannot read are left out. */
export function parseNodeView(text: string): NodeView | undefined {
  const nodes = text
    .split('\n')
    .map(parseLine)
    .filter((node) => node !== undefined);
  const myself = nodes.find((node) => node.flags.includes('myself'));
  return myself && { myself, others: nodes.filter((node) => node !== myself) };
}

/**
 * Who owns what, as one comparable text: two nodes agree about the slots exactly when their signatures are equal.
 * Open slots are no part of it, as in redis-trib.
 */
export function slotSignature(view: NodeView): string {
  return allNodes(view)
    .filter((node) => node.slots.length > 0)
    .map((node) => `${node.id}:${node.slots.map((range) => `${range.first}-${range.last}`).join(',')}`)
    .sort()
    .join('|');
}

export function allNodes(view: NodeView): readonly KnownNode[] {
  return [view.myself, ...view.others];
}

export function isMaster(node: KnownNode): boolean {
  return node.flags.includes('master');
}

/** A node that is only being met: its id is a placeholder and its address what CLUSTER MEET was told. */
export function isHandshake(node: KnownNode): boolean {
  return node.flags.includes('handshake');
}

/** `<id> <ip>:<port>@<bus port>[,host name] <flags> <master> <ping> <pong> <epoch> <link> <slot> ...` */
function parseLine(line: string): KnownNode | undefined {
  const fields = line.trim().split(' ');
  if (fields.length < 8) return undefined;
  const [id, endpoint, flags, masterId, , , epoch, link, ...slots] = fields;
  const [address] = endpoint.split(',');
  const [client, bus] = address.split('@');
  const colon = client.lastIndexOf(':');
  const port = Number(client.slice(colon + 1));
  return {
    id,
    host: client.slice(0, colon),
    port,
    busPort: bus === undefined ? port + 10000 : Number(bus),
    flags: flags.split(','),
    masterId: masterId === '-' ? undefined : masterId,
    configEpoch: Number(epoch),
    linked: link === 'connected',
    slots: slots.filter((text) => !text.startsWith('[')).map(parseRange),
    migrating: openSlots(slots, '->-'),
    importing: openSlots(slots, '-<-'),
  };
}

function parseRange(text: string): SlotRange {
  const [first, last] = text.split('-').map(Number);
  return { first, last: last ?? first };
}

/** `[93->-id]` is a slot on its way out, `[93-<-id]` one on its way in. */
function openSlots(slots: readonly string[], arrow: string): OpenSlot[] {
  return slots
    .filter((text) => text.startsWith('[') && text.includes(arrow))
    .map((text) => {
      const [slot, peerId] = text.slice(1, -1).split(arrow);
      return { slot: Number(slot), peerId };
    });
}
