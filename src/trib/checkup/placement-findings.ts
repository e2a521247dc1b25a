/** Whether replicas are where they help. Pure. */
import { isLoopback } from '../address.js';
import { isMaster } from '../node-view.js';
import { countSlots } from '../slots.js';
import type { Evidence, NodeEvidence } from './evidence.js';
import type { Explanation } from './explanation.js';

/** A cluster on loopback addresses, to try things out, is left alone as far as hosts are concerned. */
export function placementFindings({ nodes, entry }: Evidence): Explanation[] {
  const local = nodes.every(({ ip }) => isLoopback(ip));
  return [...bareMasters(nodes, entry, local), ...(local ? [] : sharedHosts(nodes))];
}

function bareMasters(nodes: readonly NodeEvidence[], entry: string, local: boolean): Explanation[] {
  const masters = nodes.filter(({ view }) => isMaster(view.myself) && countSlots(view.myself.slots) > 0);
  const bare = masters.filter(({ id }) => !nodes.some(({ view }) => view.myself.masterId === id));
  if (bare.length === 0 || (bare.length === masters.length && local)) return [];
  const names = bare.map(({ name }) => name);
  const [one, many] = [`Master ${names[0]} has no replica.`, `Masters without a replica: ${names.join(', ')}.`];
  return [
    {
      kind: 'master-without-replica',
      severity: 'warning',
      nodes: names,
      message: names.length === 1 ? one : many,
      advice: ['When such a master fails, nobody serves its slots. To add one:', `trib add-node NEW ${entry} --slave`],
    },
  ];
}

function sharedHosts(nodes: readonly NodeEvidence[]): Explanation[] {
  const found: Explanation[] = [];
  for (const replica of nodes) {
    const master = nodes.find(({ id }) => id === replica.view.myself.masterId);
    if (master === undefined || master.ip !== replica.ip) continue;
    const elsewhere = nodes.find(
      ({ view, ip }) => isMaster(view.myself) && view.myself.slots.length > 0 && ip !== master.ip,
    );
    found.push({
      kind: 'replica-on-master-host',
      severity: 'warning',
      nodes: [replica.name, master.name],
      message: `Replica ${replica.name} is on the host of its master ${master.name}: when it fails, both are gone.`,
      advice:
        elsewhere === undefined
          ? [
              'There is no master on another host. Add nodes on other hosts:',
              `trib add-node NEW ${master.name} --slave`,
            ]
          : [
              'Let it replicate a master of another host, and one of there this one:',
              `trib replicate ${replica.name} ${elsewhere.name}`,
            ],
    });
  }
  return found;
}
