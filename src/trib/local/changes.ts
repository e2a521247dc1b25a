/** What happened to a local cluster between two looks at it, in words. Pure. */
import { formatRanges } from '../slots.js';
import { allOk, masterOf, type NodeStatus, roleOf, slotsOf } from './survey.js';

/** A line for each thing worth telling; the end of a process is told by whoever watches the processes. */
export function changesBetween(before: readonly NodeStatus[], after: readonly NodeStatus[]): string[] {
  const lines = after.flatMap((node, i) => nodeChanges(before[i] as NodeStatus, node, after));
  return [...lines, ...stateChange(before, after)];
}

function nodeChanges(old: NodeStatus, node: NodeStatus, all: readonly NodeStatus[]): string[] {
  const lines: string[] = [];
  if (node.pid !== undefined && node.pid !== old.pid) lines.push(`${node.name} runs again (pid ${node.pid}).`);
  if (old.answer !== undefined && node.answer === undefined && node.pid !== undefined && node.pid === old.pid) {
    lines.push(`[WARNING] ${node.name} does not answer: ${node.trouble}.`);
  }
  if (node.answer === undefined) return lines;
  if (old.answer === undefined && old.pid === node.pid) lines.push(`${node.name} answers.`);
  return [...lines, ...roleChanges(old, node, all)];
}

function roleChanges(old: NodeStatus, node: NodeStatus, all: readonly NodeStatus[]): string[] {
  const role = roleOf(node);
  const was = roleOf(old);
  const master = masterOf(node, all);
  if (role === 'master') {
    const slots = slotsOf(node);
    if (was !== 'replica') return [];
    return [`${node.name} took over: it is the master of slots ${formatRanges(slots)} now.`];
  }
  const masterChanged = old.answer?.view.myself.masterId !== node.answer?.view.myself.masterId;
  const inSync = node.answer?.inSync === true;
  const name = master?.name ?? node.answer?.view.myself.masterId;
  // A node that comes back as what it was is told once, when its data are those of its master again.
  if (masterChanged && was !== undefined) {
    return [`${node.name} is a replica of ${name} now${inSync ? ', and in sync' : ''}.`];
  }
  if (inSync && old.answer?.inSync !== true) return [`${node.name} is in sync with its master ${name}.`];
  return [];
}

function stateChange(before: readonly NodeStatus[], after: readonly NodeStatus[]): string[] {
  // That no node is left is told by whoever watches the processes.
  if (after.every(({ answer }) => answer === undefined)) return [];
  const [was, is] = [serves(before), serves(after)];
  if (was && !is) return ['[WARNING] The cluster does not serve: cluster_state:fail.'];
  if (!was && is) return [`[OK] The cluster serves: cluster_state:ok${allOk(after) ? ' on every node' : ''}.`];
  return [];
}

/** Whether most of those who answer say so: a master that has just started waits two seconds before it does. */
function serves(nodes: readonly NodeStatus[]): boolean {
  const answers = nodes.filter(({ answer }) => answer !== undefined);
  return 2 * answers.filter(({ answer }) => answer?.stateOk).length > answers.length;
}
