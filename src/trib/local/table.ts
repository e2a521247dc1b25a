/** A local cluster as people and as scripts read it. */
import { countSlots, formatRanges } from '../slots.js';
import { allOk, masterOf, type NodeAnswer, type NodeStatus, roleOf, slotsOf } from './survey.js';

/** A line for each node: masters in the order of their slots, each with its replicas below; the others last. */
export function clusterTable(nodes: readonly NodeStatus[]): string[] {
  const rows = inOrder(nodes).map((node) => [
    String(node.index),
    node.name,
    String(node.pid ?? '-'),
    roleWords(node, nodes),
    slotWords(node),
    node.answer === undefined ? '-' : String(node.answer.keys),
    stateWords(node),
    node.id ?? '-',
  ]);
  const head = ['#', 'node', 'pid', 'role', 'slots', 'keys', 'state', 'id'];
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i].length)));
  return [head, ...rows].map((row) => `  ${row.map((cell, i) => cell.padEnd(widths[i])).join('  ')}`.trimEnd());
}

function inOrder(nodes: readonly NodeStatus[]): NodeStatus[] {
  const replicas = nodes.filter((node) => masterOf(node, nodes) !== undefined);
  const others = nodes.filter((node) => !replicas.includes(node));
  const firstSlot = (node: NodeStatus): number => slotsOf(node)[0]?.first ?? Number.POSITIVE_INFINITY;
  others.sort((a, b) => (firstSlot(a) === firstSlot(b) ? a.index - b.index : firstSlot(a) - firstSlot(b)));
  return others.flatMap((node) => [node, ...replicas.filter((replica) => masterOf(replica, nodes) === node)]);
}

function roleWords(node: NodeStatus, nodes: readonly NodeStatus[]): string {
  const role = roleOf(node);
  if (role !== 'replica') return role ?? '-';
  return `replica of ${masterOf(node, nodes)?.name ?? node.answer?.view.myself.masterId}`;
}

function slotWords(node: NodeStatus): string {
  const slots = slotsOf(node);
  return slots.length === 0 ? '-' : `${formatRanges(slots)} (${countSlots(slots)} slots)`;
}

export function stateWords({ pid, answer, trouble }: NodeStatus): string {
  if (pid === undefined) return 'down';
  if (answer === undefined) return `no answer: ${trouble}`;
  if (!answer.stateOk) return 'cluster_state:fail';
  if (answer.inSync === undefined) return 'ok';
  return answer.inSync ? 'in sync' : 'not in sync';
}

export interface ClusterJson {
  readonly dir: string;
  /** `ok`: all nodes run and agree that the cluster serves; `down`: no node runs. */
  readonly state: 'ok' | 'fail' | 'down';
  /** Process id of the `trib up` that watches the nodes. */
  readonly watcher: number | null;
  readonly nodes: readonly NodeJson[];
}

export interface NodeJson {
  readonly index: number;
  readonly address: string;
  readonly id: string | null;
  readonly pid: number | null;
  readonly started_at_ms: number | null;
  readonly role: 'master' | 'replica' | null;
  readonly master_id: string | null;
  /** First and last slot of each range. */
  readonly slots: readonly (readonly [number, number])[];
  readonly keys: number | null;
  readonly cluster_state: 'ok' | 'fail' | null;
  readonly in_sync: boolean | null;
  readonly trouble: string | null;
  readonly log: string;
}

export function stateOf(nodes: readonly NodeStatus[]): ClusterJson['state'] {
  if (nodes.every(({ pid }) => pid === undefined)) return 'down';
  return allOk(nodes) ? 'ok' : 'fail';
}

export function clusterJson(dir: string, watcher: number | undefined, nodes: readonly NodeStatus[]): ClusterJson {
  return { dir, state: stateOf(nodes), watcher: watcher ?? null, nodes: nodes.map(nodeJson) };
}

function nodeJson(node: NodeStatus): NodeJson {
  const { index, name, id, pid, startedAtMs, answer, trouble, logFile } = node;
  return {
    index,
    address: name,
    id: id ?? null,
    pid: pid ?? null,
    started_at_ms: startedAtMs ?? null,
    role: roleOf(node) ?? null,
    master_id: answer?.view.myself.masterId ?? null,
    slots: slotsOf(node).map(({ first, last }) => [first, last]),
    keys: answer?.keys ?? null,
    cluster_state: answer === undefined ? null : stateText(answer),
    in_sync: answer?.inSync ?? null,
    trouble: trouble ?? null,
    log: logFile,
  };
}

function stateText({ stateOk }: NodeAnswer): 'ok' | 'fail' {
  return stateOk ? 'ok' : 'fail';
}
