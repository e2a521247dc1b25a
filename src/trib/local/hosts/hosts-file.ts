/**
 * The hosts of a cluster, a line each: `host[:port] [replica-of host[:port]]`. `#` begins a comment. Pure.
 * Where a line says `replica-of`, all roles are as the lines say; else the planner gives them.
 */
import { type Address, formatAddress, parseAddress } from '../../address.js';
import { MIN_MASTERS, type Plan, planCluster, shapeError } from '../../plan.js';

export interface HostNode {
  readonly host: string;
  readonly port: number;
  readonly name: string;
  readonly address: Address;
  /** The name of its master, where the file says one. */
  readonly replicaOf: string | undefined;
}

const DEFAULT_PORT = 6379;

/** The nodes in the order of the lines, or lines that say what is wrong. */
export function parseHosts(text: string): HostNode[] | string[] {
  const nodes: HostNode[] = [];
  const errors: string[] = [];
  for (const [i, line] of text.split('\n').entries()) {
    const words = line.replace(/#.*$/, '').trim().split(/\s+/).filter(Boolean);
    if (words.length === 0) continue;
    const node = parseLine(words);
    if (typeof node === 'string') errors.push(`[ERR] Line ${i + 1}: ${node}`);
    else if (nodes.some(({ name }) => name === node.name)) {
      errors.push(`[ERR] Line ${i + 1}: ${node.name} is there twice.`);
    } else nodes.push(node);
  }
  const broken = errors.length > 0 ? errors : roleErrors(nodes);
  return broken.length > 0 ? broken : nodes;
}

function parseLine(words: readonly string[]): HostNode | string {
  const [name, keyword, master, ...more] = words;
  if (more.length > 0 || (keyword !== undefined && (keyword !== 'replica-of' || master === undefined))) {
    return `'${words.join(' ')}' is not host[:port] [replica-of host[:port]].`;
  }
  const address = readHost(name);
  if (typeof address === 'string') return address;
  const masterAddress = master === undefined ? undefined : readHost(master);
  if (typeof masterAddress === 'string') return masterAddress;
  const { host, port } = address;
  const replicaOf = masterAddress && formatAddress(masterAddress.host, masterAddress.port);
  return { host, port, name: formatAddress(host, port), address, replicaOf };
}

function readHost(text: string): Address | string {
  const address = parseAddress(/^\[[^\]]*\]$|^[^:]*$/.test(text) ? `${text}:${DEFAULT_PORT}` : text);
  if (typeof address === 'string') return address;
  // The host becomes an argument of ssh, where it must not be an option.
  return /^[\w:][\w.:-]*$/.test(address.host) ? address : `'${address.host}' is no host name.`;
}

/** A replica's master must be a line that is no replica itself. */
function roleErrors(nodes: readonly HostNode[]): string[] {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  return nodes.flatMap(({ name, replicaOf }) => {
    if (replicaOf === undefined) return [];
    const master = byName.get(replicaOf);
    if (master === undefined) return [`[ERR] ${name} is to replicate ${replicaOf}, which is no line of this file.`];
    return master.replicaOf === undefined
      ? []
      : [`[ERR] ${name} is to replicate ${replicaOf}, which is a replica itself.`];
  });
}

export function saysRoles(nodes: readonly HostNode[]): boolean {
  return nodes.some(({ replicaOf }) => replicaOf !== undefined);
}

/**
 * The cluster that the hosts are to become, or lines that say why they cannot. `nodes` may be the hosts themselves or
 * what stands for them, in the order of the file.
 */
export function planHosts<N extends { readonly host: string }>(
  hosts: readonly HostNode[],
  nodes: readonly N[],
  replicas: number,
): Plan<N> | string[] {
  if (!saysRoles(hosts)) return shapeError(nodes.length, replicas) ?? planCluster(nodes, replicas);
  const nodeOf = new Map(hosts.map(({ name }, i) => [name, nodes[i]]));
  const masters = nodes.filter((_, i) => hosts[i].replicaOf === undefined);
  if (masters.length < MIN_MASTERS) {
    return [`[ERR] A cluster needs at least ${MIN_MASTERS} masters: ${masters.length} lines are without replica-of.`];
  }
  const placed = hosts.flatMap(({ replicaOf }, i) => {
    const master = replicaOf === undefined ? undefined : nodeOf.get(replicaOf);
    return master === undefined ? [] : [{ node: nodes[i], master }];
  });
  return {
    masters: planCluster(masters, 0).masters,
    replicas: placed,
    replicasOnMasterHost: placed.filter(({ node, master }) => node.host === master.host).length,
  };
}
