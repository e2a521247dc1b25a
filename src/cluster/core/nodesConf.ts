/**
 * The text of nodes.conf, which is also that of CLUSTER NODES. One line a node, then the epochs:
 *
 *     <id> <ip>:<port>@<bus port>[,<hostname>[,<aux>=<value>]...] <flag,flag> <master id or -> <ping sent> <pong received>
 *         <config epoch> <connected or disconnected> [<slot> | <first>-<last> | [<slot>->-<id>] | [<slot>-<-<id>]] ...
 *     vars currentEpoch <n> lastVoteEpoch <n>
 */
import { SLOT_COUNT } from '../../base/crc16.js';
import { isHostname } from './frame.js';
import { ClusterNode } from './node.js';
import {
  BUS_PORT_OFFSET,
  NODE_FAIL,
  NODE_HANDSHAKE,
  NODE_ID_LENGTH,
  NODE_MASTER,
  NODE_MYSELF,
  NODE_NOADDR,
  NODE_NOFAILOVER,
  NODE_PFAIL,
  NODE_REPLICA,
} from './protocol.js';
import { ClusterState } from './state.js';

/** In the order in which they are printed. */
const FLAG_TEXTS: readonly (readonly [number, string])[] = [
  [NODE_MYSELF, 'myself'],
  [NODE_MASTER, 'master'],
  [NODE_REPLICA, 'slave'],
  [NODE_PFAIL, 'fail?'],
  [NODE_FAIL, 'fail'],
  [NODE_HANDSHAKE, 'handshake'],
  [NODE_NOADDR, 'noaddr'],
  [NODE_NOFAILOVER, 'nofailover'],
];

// ---------------------------------------------------------------------------------------------------- printing

/** The whole file. Nodes in handshake are left out: they are nobody yet. */
export function printNodesConf(state: ClusterState): string {
  const vars = `vars currentEpoch ${state.currentEpoch} lastVoteEpoch ${state.lastVoteEpoch}\n`;
  return printNodes(state, NODE_HANDSHAKE) + vars;
}

/** One line a node, each ended by a newline, without nodes that have any of `skipFlags`. */
export function printNodes(state: ClusterState, skipFlags: number): string {
  let text = '';
  for (const node of state.list) if ((node.flags & skipFlags) === 0) text += `${printNode(state, node)}\n`;
  return text;
}

/** The line of one node, without newline. */
export function printNode(state: ClusterState, node: ClusterNode): string {
  const hostname = node.hostname === '' ? '' : `,${node.hostname}`;
  const master = node.isReplica && node.master !== undefined ? node.master : undefined;
  const linked = node.link !== undefined || node.isMyself;
  return (
    `${node.id} ${node.ip}:${node.port}@${node.busPort}${hostname} ${printFlags(node.flags)} ${master?.id ?? '-'} ` +
    `${node.pingSentMs} ${node.pongReceivedMs} ${(master ?? node).configEpoch} ` +
    `${linked ? 'connected' : 'disconnected'}${printSlots(node)}${node.isMyself ? printOpenSlots(state) : ''}`
  );
}

export function printFlags(flags: number): string {
  const texts = FLAG_TEXTS.filter(([bit]) => (flags & bit) !== 0).map(([, text]) => text);
  return texts.length === 0 ? 'noflags' : texts.join(',');
}

function printSlots(node: ClusterNode): string {
  let text = '';
  forEachRange(node, (start, end) => {
    text += start === end ? ` ${start}` : ` ${start}-${end}`;
  });
  return text;
}

/** Calls `visit(first, last)` for every run of slots the node owns, in order. */
export function forEachRange(node: ClusterNode, visit: (start: number, end: number) => void): void {
  let left = node.slotCount;
  const bitmap = node.slotBitmap;
  for (let slot = 0; slot < SLOT_COUNT && left > 0; slot++) {
    // With many nodes most of the way leads over slots of others.
    if (bitmap[slot >> 3] === 0) slot |= 7;
    if (!node.ownsSlot(slot)) continue;
    const start = slot;
    while (slot + 1 < SLOT_COUNT && node.ownsSlot(slot + 1)) slot++;
    left -= slot - start + 1;
    visit(start, slot);
  }
}

function printOpenSlots(state: ClusterState): string {
  let text = '';
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    const target = state.migrating[slot];
    const source = state.importing[slot];
    if (target !== undefined) text += ` [${slot}->-${target.id}]`;
    else if (source !== undefined) text += ` [${slot}-<-${source.id}]`;
  }
  return text;
}

// ---------------------------------------------------------------------------------------------------- parsing

export interface LoadedNodesConf {
  readonly state: ClusterState;
  /** For the log. */
  readonly warnings: readonly string[];
}

export interface CorruptNodesConf {
  /** 1 for the first; 0 when it is about the file as a whole. */
  readonly line: number;
  readonly reason: string;
}

/** Reads the text of nodes.conf. Times in it are taken as `nowMs`: only whether they are set still means something. */
export function parseNodesConf(text: string, nowMs: number): LoadedNodesConf | CorruptNodesConf {
  const parser = new Parser(nowMs);
  const lines = text.split('\n');
  for (let i = 0; i < lines.length; i++) {
    const reason = parser.line(lines[i].replace(/\r$/, ''));
    if (reason !== undefined) return { line: i + 1, reason };
  }
  return parser.finish();
}

/** What the operator reads when the file cannot be loaded. */
export function corruptNodesConfText(fileName: string, corrupt: CorruptNodesConf): string {
  const where = corrupt.line === 0 ? '' : `line ${corrupt.line}: `;
  return `Unrecoverable error: corrupted cluster config file "${fileName}": ${where}${corrupt.reason}`;
}

class Parser {
  readonly #nowMs: number;
  readonly #nodes = new Map<string, ClusterNode>();
  readonly #defined = new Set<ClusterNode>();
  readonly #warnings: string[] = [];
  /** Work on slots and masters that has to wait until the state exists. */
  readonly #slotWork: ((state: ClusterState) => void)[] = [];
  #myself: ClusterNode | undefined = undefined;
  #currentEpoch = 0;
  #lastVoteEpoch = 0;

  constructor(nowMs: number) {
    this.#nowMs = nowMs;
  }

  /** Returns what is wrong with the line, if anything. */
  line(line: string): string | undefined {
    const fields = line.split(' ').filter((field) => field !== '');
    if (fields.length === 0) return undefined;
    if (fields[0].toLowerCase() === 'vars') return this.#vars(fields);
    if (fields.length < 8) return `expected at least 8 fields, found ${fields.length}`;
    const node = this.#node(fields[0]);
    if (node === undefined) return `bad node id '${fields[0]}'`;
    if (this.#defined.has(node)) return `node ${node.id} is defined twice`;
    this.#defined.add(node);
    return (
      this.#address(node, fields[1]) ??
      this.#flags(node, fields[2]) ??
      this.#master(node, fields[3]) ??
      this.#numbers(node, fields) ??
      this.#slots(node, fields)
    );
  }

  finish(): LoadedNodesConf | CorruptNodesConf {
    if (this.#myself === undefined) return { line: 0, reason: "no node has the flag 'myself'" };
    const state = new ClusterState(this.#myself);
    for (const node of this.#nodes.values()) if (node !== this.#myself) state.addNode(node);
    for (const work of this.#slotWork) work(state);
    state.currentEpoch = this.#currentEpoch;
    state.lastVoteEpoch = this.#lastVoteEpoch;
    // Only an edited file can be behind; a smaller epoch would let us vote or claim in the past.
    state.currentEpoch = state.maxEpoch();
    return { state, warnings: this.#warnings };
  }

  #vars(fields: readonly string[]): string | undefined {
    if (fields.length % 2 === 0) return `variable '${fields[fields.length - 1]}' has no value`;
    for (let i = 1; i < fields.length; i += 2) {
      const name = fields[i].toLowerCase();
      const value = parseCount(fields[i + 1]);
      if (name !== 'currentepoch' && name !== 'lastvoteepoch') {
        this.#warnings.push(`Skipping unknown cluster config variable '${fields[i]}'`);
      } else if (value === undefined) return `bad value '${fields[i + 1]}' of ${fields[i]}`;
      else if (name === 'currentepoch') this.#currentEpoch = value;
      else this.#lastVoteEpoch = value;
    }
    return undefined;
  }

  /** The node of that id, made when it is met for the first time; undefined when the text is no id. */
  #node(id: string): ClusterNode | undefined {
    const known = this.#nodes.get(id);
    if (known !== undefined) return known;
    if (id.length !== NODE_ID_LENGTH || !/^[0-9a-f]+$/.test(id)) return undefined;
    // A copy: a part of a string keeps the whole of it, here the file.
    const node = new ClusterNode(Buffer.from(id, 'latin1').toString('latin1'), 0, this.#nowMs);
    this.#nodes.set(node.id, node);
    return node;
  }

  #address(node: ClusterNode, field: string): string | undefined {
    const [address, hostname = '', ...aux] = field.split(',');
    // The last colon: an IPv6 address has others.
    const match = /^(.*):(\d{1,5})(?:@(\d{1,5}))?$/.exec(address);
    if (match === null) return `bad address '${field}'`;
    node.ip = match[1];
    node.port = Number(match[2]);
    node.busPort = match[3] === undefined ? node.port + BUS_PORT_OFFSET : Number(match[3]);
    if (node.port > 65535 || node.busPort > 65535) return `port out of range in '${field}'`;
    if (!isHostname(hostname)) return `bad host name '${hostname}'`;
    node.hostname = hostname;
    for (const pair of aux) if (pair.startsWith('shard-id=')) node.announcedShardId = pair.slice('shard-id='.length);
    return undefined;
  }

  #flags(node: ClusterNode, field: string): string | undefined {
    for (const text of field.split(',')) {
      const flag = FLAG_TEXTS.find(([, name]) => name === text.toLowerCase());
      if (flag !== undefined) node.flags |= flag[0];
      else if (text !== 'noflags') return `unknown flag '${text}'`;
    }
    if (node.isMaster && node.isReplica) return 'a node is not master and slave at once';
    if (node.isFailed) node.failedAtMs = this.#nowMs;
    if (!node.isMyself) return undefined;
    if (this.#myself !== undefined) return "more than one node has the flag 'myself'";
    this.#myself = node;
    return undefined;
  }

  #master(node: ClusterNode, field: string): string | undefined {
    if (field === '-') return undefined;
    const master = this.#node(field);
    if (master === undefined || master === node) return `bad master id '${field}'`;
    if (!node.isReplica) return 'only a slave has a master';
    this.#slotWork.push((state) => state.setMaster(node, master));
    return undefined;
  }

  #numbers(node: ClusterNode, fields: readonly string[]): string | undefined {
    const pingSent = parseCount(fields[4]);
    const pongReceived = parseCount(fields[5]);
    const epoch = parseCount(fields[6]);
    if (pingSent === undefined) return `bad ping time '${fields[4]}'`;
    if (pongReceived === undefined) return `bad pong time '${fields[5]}'`;
    if (epoch === undefined) return `bad config epoch '${fields[6]}'`;
    if (pingSent !== 0) node.pingSentMs = this.#nowMs;
    if (pongReceived !== 0) node.pongReceivedMs = this.#nowMs;
    // A replica's line shows its master's epoch.
    if (!node.isReplica) node.configEpoch = epoch;
    return undefined;
  }

  #slots(node: ClusterNode, fields: readonly string[]): string | undefined {
    for (let i = 8; i < fields.length; i++) {
      const reason = fields[i].startsWith('[') ? this.#openSlot(fields[i]) : this.#slotRange(node, fields[i]);
      if (reason !== undefined) return reason;
    }
    return undefined;
  }

  #slotRange(node: ClusterNode, field: string): string | undefined {
    const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(field);
    if (match === null) return `bad slot '${field}'`;
    const start = Number(match[1]);
    const end = Number(match[2] ?? match[1]);
    if (start > end || end >= SLOT_COUNT) return `slot out of range in '${field}'`;
    this.#slotWork.push((state) => {
      for (let slot = start; slot <= end; slot++) state.setOwner(slot, node);
    });
    return undefined;
  }

  #openSlot(field: string): string | undefined {
    const match = /^\[(\d{1,5})-([<>])-([0-9a-f]{40})\]$/.exec(field);
    const slot = match === null ? SLOT_COUNT : Number(match[1]);
    if (match === null || slot >= SLOT_COUNT) return `bad open slot '${field}'`;
    const other = this.#node(match[3])!;
    const migrating = match[2] === '>';
    this.#slotWork.push((state) => {
      (migrating ? state.migrating : state.importing)[slot] = other;
    });
    return undefined;
  }
}

/** A non-negative safe integer in decimal. */
export function parseCount(text: string): number | undefined {
  if (!/^\d{1,16}$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}
