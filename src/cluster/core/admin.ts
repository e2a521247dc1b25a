/** The CLUSTER subcommands that change something. Replies and their order are those of Redis. */
import { SLOT_COUNT } from '../../base/crc16.js';
import { parseIp } from './address.js';
import { bumpConfigEpoch, followNewOwner, holdsImportedKeys } from './claims.js';
import type { CoreContext } from './context.js';
import { broadcastPong } from './gossip.js';
import { type FailoverMode, startManualFailover } from './manualFailover.js';
import { parseCount } from './nodesConf.js';
import { BUS_PORT_OFFSET, NODE_HANDSHAKE, NODE_MEET } from './protocol.js';
import { becomeMaster, becomeReplicaOf } from './role.js';

/** Numbers stay text: the core parses them, so that errors come in Redis's order with Redis's words. */
export type AdminCommand =
  | { readonly kind: 'meet'; readonly ip: string; readonly port: string; readonly busPort?: string | undefined }
  | { readonly kind: 'addSlots' | 'delSlots'; readonly slots: readonly string[] }
  /** start, end, start, end ... */
  | { readonly kind: 'addSlotsRange' | 'delSlotsRange'; readonly bounds: readonly string[] }
  | { readonly kind: 'flushSlots' }
  /** What follows SETSLOT: slot, action, and for all actions but STABLE a node id. */
  | { readonly kind: 'setSlot'; readonly args: readonly string[] }
  /** The last step of an atomic move, on the target: the slots are ours from now on, all of them at once. */
  | { readonly kind: 'takeSlots'; readonly slots: readonly number[] }
  /** The same on the source, when the target has said that it took them. */
  | { readonly kind: 'giveSlots'; readonly slots: readonly number[]; readonly id: string }
  | { readonly kind: 'forget'; readonly id: string }
  | { readonly kind: 'replicate'; readonly id: string }
  /** `mode` as given: FORCE, TAKEOVER, or undefined. */
  | { readonly kind: 'failover'; readonly mode: string | undefined }
  | { readonly kind: 'reset'; readonly hard: boolean }
  | { readonly kind: 'setConfigEpoch'; readonly epoch: string }
  | { readonly kind: 'bumpEpoch' }
  | { readonly kind: 'saveConfig' };

/** `error` is the whole error reply without '-', e.g. "ERR Unknown node x"; `ok` a simple string, mostly "OK". */
export type AdminReply = { readonly ok: string } | { readonly error: string };

const OK: AdminReply = { ok: 'OK' };

function err(text: string): AdminReply {
  return { error: `ERR ${text}` };
}

export function runAdmin(ctx: CoreContext, command: AdminCommand): AdminReply {
  switch (command.kind) {
    case 'meet':
      return meet(ctx, command.ip, command.port, command.busPort);
    case 'addSlots':
    case 'delSlots':
      return changeSlots(ctx, command.slots, command.kind === 'addSlots');
    case 'addSlotsRange':
    case 'delSlotsRange':
      return changeSlotRanges(ctx, command.bounds, command.kind === 'addSlotsRange');
    case 'flushSlots':
      return flushSlots(ctx);
    case 'setSlot':
      return setSlot(ctx, command.args);
    case 'takeSlots':
      return takeSlots(ctx, command.slots);
    case 'giveSlots':
      return giveSlots(ctx, command.slots, command.id);
    case 'forget':
      return forget(ctx, command.id);
    case 'replicate':
      return replicate(ctx, command.id);
    case 'failover':
      return failover(ctx, command.mode);
    case 'reset':
      return reset(ctx, command.hard);
    case 'setConfigEpoch':
      return setConfigEpoch(ctx, command.epoch);
    case 'bumpEpoch': {
      const bumped = bumpConfigEpoch(ctx);
      return { ok: `${bumped ? 'BUMPED' : 'STILL'} ${ctx.state.myself.configEpoch}` };
    }
    case 'saveConfig':
      ctx.persist();
      return OK;
  }
}

// ---------------------------------------------------------------------------------------------------- members

function meet(ctx: CoreContext, ipText: string, portText: string, busPortText: string | undefined): AdminReply {
  const port = parseInteger(portText);
  if (port === undefined) return err(`Invalid TCP base port specified: ${portText}`);
  const busPort = busPortText === undefined ? port + BUS_PORT_OFFSET : parseInteger(busPortText);
  if (busPort === undefined) return err(`Invalid TCP bus port specified: ${busPortText}`);
  const ip = parseIp(ipText);
  if (ip === undefined || port < 1 || port > 65535 || busPort < 1 || busPort > 65535) {
    return err(`Invalid node address specified: ${ipText}:${portText}`);
  }
  for (const node of ctx.state.list) {
    if (node.inHandshake && node.ip === ip && node.busPort === busPort) return OK;
  }
  ctx.addNode(undefined, NODE_HANDSHAKE | NODE_MEET, ip, port, 0, busPort);
  return OK;
}

function forget(ctx: CoreContext, id: string): AdminReply {
  const { state } = ctx;
  const node = state.nodes.get(id);
  if (node === undefined) return err(`Unknown node ${id}`);
  if (node.isMyself) return err("I tried hard but I can't forget myself...");
  if (state.myself.master === node) return err("Can't forget my master!");
  state.forget(id, ctx.nowMs);
  ctx.removeNode(node);
  ctx.persistAndRecompute();
  return OK;
}

function replicate(ctx: CoreContext, id: string): AdminReply {
  const { myself, nodes } = ctx.state;
  const master = nodes.get(id);
  if (master === undefined) return err(`Unknown node ${id}`);
  if (master.isMyself) return err("Can't replicate myself");
  if (master.isReplica) return err('I can only replicate a master, not a replica.');
  if (myself.isMaster && (myself.slotCount > 0 || !ctx.dependencies.isDatabaseEmpty())) {
    return err('To set a master the node must be empty and without assigned slots.');
  }
  becomeReplicaOf(ctx, master);
  return OK;
}

const FAILOVER_MODES: ReadonlyMap<string, FailoverMode> = new Map([
  ['force', 'force'],
  ['takeover', 'takeover'],
]);

function failover(ctx: CoreContext, modeText: string | undefined): AdminReply {
  const mode = modeText === undefined ? 'wait' : FAILOVER_MODES.get(modeText.toLowerCase());
  if (mode === undefined) return err('syntax error');
  const { myself } = ctx.state;
  if (myself.isMaster) return err('You should send CLUSTER FAILOVER to a replica');
  const { master } = myself;
  if (master === undefined) return err("I'm a replica but my master is unknown to me");
  if (mode === 'wait' && (master.isFailed || master.link === undefined)) {
    return err('Master is down or failed, please use CLUSTER FAILOVER FORCE');
  }
  startManualFailover(ctx, master, mode);
  return OK;
}

function reset(ctx: CoreContext, hard: boolean): AdminReply {
  const { state } = ctx;
  const { myself } = state;
  if (myself.isMaster && !ctx.dependencies.isDatabaseEmpty()) {
    return err("CLUSTER RESET can't be called with master nodes containing keys");
  }
  becomeMaster(ctx, true);
  ctx.resetManualFailover();
  state.closeAllSlots();
  for (let slot = 0; slot < SLOT_COUNT; slot++) state.setOwner(slot, undefined);
  for (const node of state.list.slice()) if (!node.isMyself) ctx.removeNode(node);
  if (hard) {
    state.currentEpoch = 0;
    state.lastVoteEpoch = 0;
    myself.configEpoch = 0;
    ctx.log('warning', 'configEpoch set to 0 via CLUSTER RESET HARD');
    state.renameNode(myself, ctx.dependencies.newNodeId());
    ctx.log('notice', `Node hard reset, now I'm ${myself.id}`);
  }
  ctx.persistAndRecompute();
  return OK;
}

// ---------------------------------------------------------------------------------------------------- slots

function changeSlots(ctx: CoreContext, texts: readonly string[], add: boolean): AdminReply {
  const slots: number[] = [];
  for (const text of texts) {
    const slot = parseSlot(text);
    if (slot === undefined) return err('Invalid or out of range slot');
    slots.push(slot);
  }
  const seen = new Set<number>();
  for (const slot of slots) {
    const error = checkChange(ctx, slot, add, seen);
    if (error !== undefined) return error;
  }
  return assign(ctx, seen, add);
}

function changeSlotRanges(ctx: CoreContext, bounds: readonly string[], add: boolean): AdminReply {
  const seen = new Set<number>();
  for (let i = 0; i + 1 < bounds.length; i += 2) {
    const start = parseSlot(bounds[i]);
    const end = parseSlot(bounds[i + 1]);
    if (start === undefined || end === undefined) return err('Invalid or out of range slot');
    if (start > end) return err(`start slot number ${start} is greater than end slot number ${end}`);
    for (let slot = start; slot <= end; slot++) {
      const error = checkChange(ctx, slot, add, seen);
      if (error !== undefined) return error;
    }
  }
  return assign(ctx, seen, add);
}

function checkChange(ctx: CoreContext, slot: number, add: boolean, seen: Set<number>): AdminReply | undefined {
  const owner = ctx.state.owners[slot];
  if (!add && owner === undefined) return err(`Slot ${slot} is already unassigned`);
  if (add && owner !== undefined) return err(`Slot ${slot} is already busy`);
  if (seen.has(slot)) return err(`Slot ${slot} specified multiple times`);
  seen.add(slot);
  return undefined;
}

function assign(ctx: CoreContext, slots: ReadonlySet<number>, add: boolean): AdminReply {
  const { state } = ctx;
  for (const slot of slots) {
    if (add) state.importing[slot] = undefined;
    state.setOwner(slot, add ? state.myself : undefined);
  }
  ctx.persistAndRecompute();
  return OK;
}

function flushSlots(ctx: CoreContext): AdminReply {
  if (!ctx.dependencies.isDatabaseEmpty()) return err('DB must be empty to perform CLUSTER FLUSHSLOTS.');
  ctx.state.releaseSlots(ctx.state.myself);
  ctx.persistAndRecompute();
  return OK;
}

function setSlot(ctx: CoreContext, args: readonly string[]): AdminReply {
  const { state } = ctx;
  if (state.myself.isReplica) return err('Please use SETSLOT only with masters.');
  const [slotText, actionText = '', id = ''] = args;
  const slot = parseSlot(slotText);
  if (slot === undefined) return err('Invalid or out of range slot');
  const action = actionText.toLowerCase();
  if (action === 'stable' && args.length === 2) {
    state.importing[slot] = undefined;
    state.migrating[slot] = undefined;
    saveSlot(ctx);
    return OK;
  }
  if (args.length === 3) {
    if (action === 'migrating' || action === 'importing') return openSlot(ctx, slot, action, id);
    if (action === 'node') return setSlotOwner(ctx, slot, id);
  }
  return err('Invalid CLUSTER SETSLOT action or number of arguments. Try CLUSTER HELP');
}

/**
 * A tool that moves many slots waits for each of these. Like Redis we do not let it wait for the disk as well: only a new epoch has
 * to be on it (bumpConfigEpoch).
 */
function saveSlot(ctx: CoreContext): void {
  ctx.persistSoon();
  ctx.recompute();
}

function openSlot(ctx: CoreContext, slot: number, action: 'migrating' | 'importing', id: string): AdminReply {
  const { state } = ctx;
  const mine = state.owners[slot] === state.myself;
  if (action === 'migrating' && !mine) return err(`I'm not the owner of hash slot ${slot}`);
  if (action === 'importing' && mine) return err(`I'm already the owner of hash slot ${slot}`);
  const node = state.nodes.get(id);
  if (node === undefined) return err(`I don't know about node ${id}`);
  if (!node.isMaster) return err('Target node is not a master');
  (action === 'migrating' ? state.migrating : state.importing)[slot] = node;
  saveSlot(ctx);
  return OK;
}

function setSlotOwner(ctx: CoreContext, slot: number, id: string): AdminReply {
  const { state } = ctx;
  const { myself } = state;
  const node = state.nodes.get(id);
  if (node === undefined) return err(`Unknown node ${id}`);
  if (!node.isMaster) return err('Target node is not a master');
  const wasMine = state.owners[slot] === myself;
  const hasKeys = ctx.dependencies.countKeysInSlot(slot) > 0;
  if (wasMine && !node.isMyself && hasKeys) {
    return err(`Can't assign hashslot ${slot} to a different node while I still hold keys for this hash slot.`);
  }
  const imported = node.isMyself && state.importing[slot] !== undefined;
  const closed = imported || (!hasKeys && state.migrating[slot] !== undefined);
  // Gossip has often been faster than the tool that tells every master, and each write to nodes.conf waits for the disk.
  const isKnown = state.owners[slot] === node && !closed;
  if (!hasKeys) state.migrating[slot] = undefined;
  if (imported) state.importing[slot] = undefined;
  state.setOwner(slot, node);
  if (!isKnown) saveSlot(ctx);
  const leftEmpty = wasMine && !node.isMyself && myself.slotCount === 0;
  if (leftEmpty && ctx.config.allowReplicaMigration && !holdsImportedKeys(ctx)) followNewOwner(ctx, node);
  if (imported) {
    // A new epoch makes everyone believe the new owner rather than the old one.
    if (bumpConfigEpoch(ctx)) ctx.log('warning', `configEpoch updated after importing slot ${slot}`);
    broadcastPong(ctx);
  }
  return OK;
}

function takeSlots(ctx: CoreContext, slots: readonly number[]): AdminReply {
  const { state } = ctx;
  if (state.myself.isReplica) return err('A replica serves no slots');
  for (const slot of slots) {
    state.importing[slot] = undefined;
    state.setOwner(slot, state.myself);
  }
  ctx.persistAndRecompute();
  // Before anybody hears of it: a new epoch makes everyone believe us rather than the old owner.
  bumpConfigEpoch(ctx);
  broadcastPong(ctx);
  return OK;
}

function giveSlots(ctx: CoreContext, slots: readonly number[], id: string): AdminReply {
  const { state } = ctx;
  const { myself } = state;
  const node = state.nodes.get(id);
  if (node === undefined) return err(`Unknown node ${id}`);
  // The bus may have been faster.
  const ours = slots.filter((slot) => state.owners[slot] === myself);
  if (ours.length === 0) return OK;
  for (const slot of ours) {
    state.migrating[slot] = undefined;
    state.setOwner(slot, node);
  }
  // The new owner's epoch tells it again, should this be forgotten.
  saveSlot(ctx);
  const follows = ctx.config.allowReplicaMigration && !holdsImportedKeys(ctx);
  if (myself.slotCount === 0 && follows) followNewOwner(ctx, node);
  else ctx.emit({ kind: 'dropSlots', slots: ours });
  return OK;
}

// ---------------------------------------------------------------------------------------------------- epochs

function setConfigEpoch(ctx: CoreContext, text: string): AdminReply {
  const { state } = ctx;
  const epoch = parseInteger(text);
  if (epoch === undefined) return err('value is not an integer or out of range');
  if (epoch < 0) return err(`Invalid config epoch specified: ${epoch}`);
  if (state.nodes.size > 1) {
    return err('The user can assign a config epoch only when the node does not know any other node.');
  }
  if (state.myself.configEpoch !== 0) return err('Node config epoch is already non-zero');
  state.myself.configEpoch = epoch;
  ctx.log('warning', `configEpoch set to ${epoch} via CLUSTER SET-CONFIG-EPOCH`);
  if (state.currentEpoch < epoch) state.currentEpoch = epoch;
  ctx.persistAndRecompute();
  return OK;
}

function parseInteger(text: string): number | undefined {
  const negative = text.startsWith('-');
  const value = parseCount(negative ? text.slice(1) : text);
  return negative && value !== undefined ? -value : value;
}

function parseSlot(text: string): number | undefined {
  const slot = parseInteger(text);
  return slot !== undefined && slot >= 0 && slot < SLOT_COUNT ? slot : undefined;
}
