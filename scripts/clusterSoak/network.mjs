/**
 * A network for the nodes of a soak: where the system lets us (Linux, root, `ip`) each node has a network namespace of its own on
 * a bridge, and a cut is a real one: no packet passes, no connection is reset. Elsewhere all share 127.0.0.1, uncut.
 *
 *   this process ── 10.213.0.254 ── bridge ──┬── node 0 (10.213.0.1)
 *                                            ├── node 1 (10.213.0.2) ...
 *                            other bridge ───┴── those on the other side of a partition
 */
import { spawnSync } from 'node:child_process';

const SUBNET = '10.213.0';
const BRIDGE = 'shoal-soak';
const OTHER_BRIDGE = 'shoal-cut';
const NAMESPACE = 'shoal-soak-';
const BASE_PORT = 7400;

/** @param {string[]} args */
function ip(...args) {
  const { status, stderr, error } = spawnSync('ip', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`ip ${args.join(' ')}: ${error?.message ?? stderr.trim()}`);
}

/** Removes what a run before may have left. @param {number} count */
function sweep(count) {
  for (let i = 0; i < count; i++) {
    spawnSync('ip', ['netns', 'del', `${NAMESPACE}${i}`]);
    spawnSync('ip', ['link', 'del', `soak${i}`]);
  }
  for (const bridge of [BRIDGE, OTHER_BRIDGE]) spawnSync('ip', ['link', 'del', bridge]);
}

class NamespaceNetwork {
  cuts = true;
  #count;

  /** @param {number} count of nodes */
  constructor(count) {
    this.#count = count;
    sweep(count);
    for (const bridge of [BRIDGE, OTHER_BRIDGE]) {
      ip('link', 'add', bridge, 'type', 'bridge');
      ip('link', 'set', bridge, 'up');
    }
    ip('addr', 'add', `${SUBNET}.254/24`, 'dev', BRIDGE);
    for (let i = 0; i < count; i++) this.#add(i);
  }

  /** @param {number} i */
  #add(i) {
    const namespace = `${NAMESPACE}${i}`;
    ip('netns', 'add', namespace);
    ip('link', 'add', `soak${i}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace);
    ip('link', 'set', `soak${i}`, 'master', BRIDGE, 'up');
    ip('-n', namespace, 'addr', 'add', `${this.host(i)}/24`, 'dev', 'eth0');
    ip('-n', namespace, 'link', 'set', 'eth0', 'up');
    ip('-n', namespace, 'link', 'set', 'lo', 'up');
  }

  /** @param {number} i */
  host(i) {
    return `${SUBNET}.${i + 1}`;
  }

  /** @param {number} _i */
  port(_i) {
    return BASE_PORT;
  }

  /** The command that runs another one on node i. @param {number} i @param {string[]} command */
  on(i, command) {
    return ['ip', 'netns', 'exec', `${NAMESPACE}${i}`, ...command];
  }

  /** Puts these nodes on the other side of a partition, away from us. @param {number[]} nodes */
  partition(nodes) {
    for (const i of nodes) ip('link', 'set', `soak${i}`, 'master', OTHER_BRIDGE);
  }

  /** Takes one node off the network altogether. @param {number} i */
  isolate(i) {
    ip('link', 'set', `soak${i}`, 'down');
  }

  heal() {
    for (let i = 0; i < this.#count; i++) ip('link', 'set', `soak${i}`, 'master', BRIDGE, 'up');
  }

  remove() {
    sweep(this.#count);
  }
}

class LoopbackNetwork {
  cuts = false;

  host() {
    return '127.0.0.1';
  }

  /** @param {number} i */
  port(i) {
    return BASE_PORT + i;
  }

  /** @param {number} _i @param {string[]} command */
  on(_i, command) {
    return command;
  }

  partition() {}
  isolate() {}
  heal() {}
  remove() {}
}

/** @param {number} count of nodes */
export function makeNetwork(count) {
  try {
    return new NamespaceNetwork(count);
  } catch (error) {
    sweep(count);
    console.log(`No links will be cut: ${/** @type {Error} */ (error).message}`);
    return new LoopbackNetwork();
  }
}
