/** What is wrong with a cluster, node by node, in words, with the command that mends it. Pure: evidence in, findings out. */
import { diagnose } from '../diagnosis.js';
import { plural } from '../node-state.js';
import { isHandshake, isMaster, type KnownNode, type OpenSlot } from '../node-view.js';
import { countSlots, formatRanges, listSlots, rangesOf } from '../slots.js';
import type { Evidence, LostEvidence, NodeEvidence } from './evidence.js';
import type { Explanation, FindingKind } from './explanation.js';
import { placementFindings } from './placement-findings.js';

/** Clocks that differ more than this let keys expire at different times on different nodes. */
const CLOCK_TOLERANCE_MS = 1000;

export function findProblems(evidence: Evidence): Explanation[] {
  return [
    ...unreachable(evidence),
    ...wrongAnnouncement(evidence),
    ...links(evidence),
    ...acquaintance(evidence),
    ...slots(evidence),
    ...epochs(evidence),
    ...strayKeys(evidence),
    ...states(evidence),
    ...clocks(evidence),
    ...versions(evidence),
    ...placementFindings(evidence),
  ];
}

// ------------------------------------------------------------------------------------------------- can they be reached

function unreachable({ nodes, lost, entry }: Evidence): Explanation[] {
  return lost.map(({ known, name, busPortOpen }) => {
    const linked = nodes.filter(({ view }) => view.others.some(({ id, linked }) => id === known.id && linked));
    return {
      kind: 'node-unreachable',
      severity: 'error',
      nodes: [name],
      message: `Node ${name} (${known.id}) does not answer on its client port.`,
      advice: lostAdvice({ known, name, busPortOpen }, linked, entry, nodes),
    };
  });
}

function lostAdvice(
  { known, name, busPortOpen }: LostEvidence,
  linked: readonly NodeEvidence[],
  entry: string,
  nodes: readonly NodeEvidence[],
): string[] {
  if (linked.length > 0) {
    const seen = `It runs: ${listNames(linked)} ${linked.length === 1 ? 'is' : 'are'} linked with it over the bus.`;
    const why = busPortOpen
      ? 'Its bus port answers from here as well: look at `port`, `bind` and protected mode in its redis.conf.'
      : `${name} is where it says it is, but does not lead to it from here: a firewall, or NAT.`;
    return [
      seen,
      why,
      'Behind NAT it must say what leads to it from everywhere (-ip, -port, -bus-port); on its host:',
      `redis-cli -p ${known.port} config set cluster-announce-ip ADDRESS`,
    ];
  }
  const advice = ['No other node is linked with it either: start it, or look at its host.'];
  const replica = nodes.find(({ view }) => view.myself.masterId === known.id);
  if (replica !== undefined) advice.push(`Its replica can take its place:  trib failover --force ${replica.name}`);
  advice.push(`If it is gone for good:  trib forget ${entry} ${known.id}`);
  return advice;
}

function wrongAnnouncement({ wrongAnnouncement: wrong }: Evidence): Explanation[] {
  if (wrong === undefined) return [];
  const [host, port] = splitAddress(wrong.name);
  const [announcedHost, announcedPort] = splitAddress(wrong.announced);
  const set = `redis-cli -h ${host} -p ${port} config set cluster-announce`;
  return [
    {
      kind: 'wrong-announced-address',
      severity: 'error',
      nodes: [wrong.name],
      message: `Node ${wrong.name} is known to the others as ${wrong.announced}, which does not lead to it from here.`,
      advice: [
        'Clients are sent to the address that the others know. Behind NAT a node must say which that is:',
        ...(announcedHost === host ? [] : [`${set}-ip ${host}`]),
        ...(announcedPort === port ? [] : [`${set}-port ${port}`]),
      ],
    },
  ];
}

function lacksLink(from: NodeEvidence, to: NodeEvidence): boolean {
  return from.view.others.some(({ id, linked }) => id === to.id && !linked);
}

/** Links are looked at from both ends: one that is down in one direction only is a firewall's. */
function links({ nodes }: Evidence): Explanation[] {
  const found: Explanation[] = [];
  for (const to of nodes) {
    const from = nodes.filter((node) => node !== to && lacksLink(node, to));
    const bus = `${to.ip}:${to.busPort}`;
    if (!to.busPortOpen) {
      found.push({
        kind: 'bus-port-closed',
        severity: from.length > 0 ? 'error' : 'warning',
        nodes: [to.name],
        message: `The cluster bus port ${bus} of node ${to.name} does not accept connections from here.`,
        advice:
          from.length > 0
            ? ['Nodes talk to each other on this port: open it in the firewalls, in both directions between all hosts.']
            : ['The other nodes are linked with it, so a firewall that only lets them through is in order.'],
      });
    }
    if (from.length === 0) continue;
    const back = from.filter((node) => !lacksLink(to, node));
    found.push({
      kind: 'link-down',
      severity: 'error',
      nodes: [...from.map(({ name }) => name), to.name],
      message: `${listNames(from)} ${from.length === 1 ? 'has' : 'have'} no link to node ${to.name}.`,
      advice: [
        back.length > 0
          ? `${to.name} is linked with ${listNames(back)}: something between them stops connections in one direction.`
          : 'There is no link in the other direction either.',
        `Try on ${from[0].name}'s host:  nc -vz ${to.ip} ${to.busPort}`,
      ],
    });
  }
  return found;
}

// ------------------------------------------------------------------------------------------------- do they know each other

function acquaintance({ nodes, lost }: Evidence): Explanation[] {
  const found: Explanation[] = [];
  for (const node of nodes) {
    const known = new Set(node.view.others.map(({ id }) => id));
    for (const other of nodes) {
      if (other === node || known.has(other.id)) continue;
      found.push({
        kind: 'node-unknown',
        severity: 'error',
        nodes: [node.name, other.name],
        message: `Node ${node.name} does not know node ${other.name}.`,
        advice: [
          'News of new nodes takes a second or two. If it stays like this, introduce them:',
          `redis-cli -h ${node.ip} -p ${node.port} cluster meet ${other.ip} ${other.port}`,
        ],
      });
    }
    for (const stuck of node.view.others.filter(isHandshake)) found.push(handshake(node, stuck));
  }
  for (const gone of lost) {
    const knowing = nodes.filter(({ view }) => view.others.some(({ id }) => id === gone.known.id));
    if (nodes.length > 1 && knowing.length < nodes.length) found.push(leftover(gone, knowing));
  }
  return found;
}

function handshake(node: NodeEvidence, stuck: KnownNode): Explanation {
  return {
    kind: 'stuck-handshake',
    severity: 'warning',
    nodes: [node.name],
    message: `Node ${node.name} is trying to meet ${stuck.host}:${stuck.port}@${stuck.busPort}.`,
    advice: ['If that goes on for more than some seconds, nobody answers there: look at the bus port and the address.'],
  };
}

function leftover({ known, name }: LostEvidence, knowing: readonly NodeEvidence[]): Explanation {
  return {
    kind: 'leftover-node',
    severity: 'error',
    nodes: knowing.map((node) => node.name),
    message: `Only ${listNames(knowing)} ${knowing.length === 1 ? 'remembers' : 'remember'} node ${name} (${known.id}), which does not answer.`,
    advice: [
      'It is left over in nodes.conf from an earlier cluster, or was forgotten by some nodes only:',
      ...knowing.map(({ ip, port }) => `redis-cli -h ${ip} -p ${port} cluster forget ${known.id}`),
    ],
  };
}

// ------------------------------------------------------------------------------------------------- slots

function slots({ nodes, lost, entry }: Evidence): Explanation[] {
  const { disagreements, openSlots, uncovered } = diagnose(nodes);
  const found: Explanation[] = [];
  const error = (kind: FindingKind, message: string, advice: string[], about = nodes.map(({ name }) => name)): void => {
    found.push({ kind, severity: 'error', nodes: about, message, advice });
  };
  if (disagreements.length > 0) {
    error('view-differs', 'The nodes have different views of who owns which slots.', [
      ...disagreements,
      'News takes a second or two. If it stays like this, the links between these nodes or slots that nobody serves are',
      'the cause: see there.',
    ]);
  }
  const shared = sharedSlots(nodes);
  if (shared.length > 0) {
    const owners = nodes.filter(({ view }) => listSlots(view.myself.slots).some((slot) => shared.includes(slot)));
    const text = `${listNames(owners)} claim the same slots: ${formatRanges(rangesOf(shared))}.`;
    error(
      'slot-with-two-owners',
      text,
      [`trib fix ${entry}`],
      owners.map(({ name }) => name),
    );
  }
  if (openSlots.length > 0) {
    const ends = nodes.flatMap((node) => openEnds(node, nodes));
    error(
      'open-slots',
      `Slots are on the move: ${formatRanges(rangesOf(openSlots))}.`,
      [
        ...ends.map(({ text }) => text),
        'If nobody is moving slots right now, a move was interrupted. No key is lost; finish it:',
        `trib fix ${entry}`,
      ],
      [...new Set(ends.map(({ name }) => name))],
    );
  }
  if (uncovered.length > 0) {
    const missing = new Set(listSlots(uncovered));
    const owners = lost.filter(({ known }) => listSlots(known.slots).some((slot) => missing.has(slot)));
    const text = `Nobody serves ${plural(countSlots(uncovered), 'slot')}: ${formatRanges(uncovered)}.`;
    const advice =
      owners.length > 0
        ? [`They are those of ${owners.map(({ name }) => name).join(', ')}, which cannot be reached (see there).`]
        : [`trib fix ${entry}`];
    error(
      'uncovered-slots',
      text,
      advice,
      owners.map(({ name }) => name),
    );
  }
  return found;
}

/** What a node says of the slots that it gives and gets, by the node at the other end. */
function openEnds({ name, view }: NodeEvidence, nodes: readonly NodeEvidence[]): { name: string; text: string }[] {
  const { migrating, importing } = view.myself;
  const tell = (open: readonly OpenSlot[], verb: string, towards: string) => {
    return [...new Set(open.map(({ peerId }) => peerId))].map((peerId) => {
      const slots = rangesOf(open.filter((each) => each.peerId === peerId).map(({ slot }) => slot));
      const peer = nodes.find(({ id }) => id === peerId)?.name ?? `${peerId}, which does not answer`;
      return { name, text: `${name} ${verb} ${formatRanges(slots)} ${towards} ${peer}.` };
    });
  };
  return [...tell(migrating, 'gives', 'to'), ...tell(importing, 'takes', 'from')];
}

function sharedSlots(nodes: readonly NodeEvidence[]): number[] {
  const claims = new Map<number, number>();
  for (const { view } of nodes) {
    for (const slot of listSlots(view.myself.slots)) claims.set(slot, (claims.get(slot) ?? 0) + 1);
  }
  return [...claims].filter(([, count]) => count > 1).map(([slot]) => slot);
}

function epochs({ nodes, entry }: Evidence): Explanation[] {
  const byEpoch = new Map<number, NodeEvidence[]>();
  for (const node of nodes) {
    const { myself } = node.view;
    if (!isMaster(myself) || countSlots(myself.slots) === 0) continue;
    byEpoch.set(myself.configEpoch, [...(byEpoch.get(myself.configEpoch) ?? []), node]);
  }
  return [...byEpoch]
    .filter(([, same]) => same.length > 1)
    .map(([epoch, same]) => ({
      kind: 'epoch-collision',
      severity: 'error',
      nodes: same.map(({ name }) => name),
      message: `${listNames(same)} have the same config epoch ${epoch}: who wins when both claim a slot is open.`,
      // BUMPEPOCH changes nothing on a node whose epoch is the highest there is.
      advice: same.every((node) => same.every((other) => node === other || !lacksLink(node, other)))
        ? ['They settle this themselves within seconds: look again.', `trib check ${entry}`]
        : [
            'They settle this themselves as soon as they are linked, and cannot before: open the way between them.',
            `Try on ${same[0].name}'s host:  nc -vz ${same[1].ip} ${same[1].busPort}`,
          ],
    }));
}

function strayKeys({ nodes, entry }: Evidence): Explanation[] {
  return nodes
    .filter((node) => node.strayKeys > 0)
    .map((node) => ({
      kind: 'stray-keys',
      severity: 'error',
      nodes: [node.name],
      message: `Node ${node.name} holds ${plural(node.strayKeys, 'key')} of slots that are not its own: ${formatRanges(rangesOf(node.straySlots))}.`,
      advice: ['Clients do not find them there. To bring them to the owners of their slots:', `trib fix ${entry}`],
    }));
}

// ------------------------------------------------------------------------------------------------- state, clock, version

function states({ nodes }: Evidence): Explanation[] {
  const failing = nodes.filter(({ stateOk }) => !stateOk);
  const found: Explanation[] = [];
  if (failing.length > 0) {
    found.push({
      kind: 'state-fail',
      severity: 'error',
      nodes: failing.map(({ name }) => name),
      message: `${listNames(failing)}: cluster_state:fail, clients are not served.`,
      advice: [
        'A node does so when slots are not covered (see there), when it does not reach the majority of the masters, and',
        'for up to five seconds after that is over.',
      ],
    });
  }
  for (const node of nodes.filter(({ masterLinkUp }) => masterLinkUp === false)) {
    found.push({
      kind: 'replica-without-data',
      severity: 'warning',
      nodes: [node.name],
      message: `Replica ${node.name} is not in touch with its master ${node.view.myself.masterId ?? ''}.`,
      advice: [
        'It is synchronizing, or cannot: compare masterauth with the master’s requirepass, and look at its log.',
      ],
    });
  }
  return found;
}

function clocks({ nodes }: Evidence): Explanation[] {
  const sorted = nodes.toSorted((a, b) => a.clockOffsetMs - b.clockOffsetMs);
  const [first, last] = [sorted[0], sorted[sorted.length - 1]];
  if (first === undefined) return [];
  const apart = last.clockOffsetMs - first.clockOffsetMs - first.clockUncertaintyMs - last.clockUncertaintyMs;
  if (apart <= CLOCK_TOLERANCE_MS) return [];
  return [
    {
      kind: 'clock-differs',
      severity: 'warning',
      nodes: [first.name, last.name],
      message: `The clock of ${last.name} is ${(apart / 1000).toFixed(1)} s or more ahead of that of ${first.name}.`,
      advice: ['Keys that are moved or promoted expire too early or too late: synchronize the clocks (chrony, ntpd).'],
    },
  ];
}

function versions({ nodes }: Evidence): Explanation[] {
  const byVersion = new Map<string, NodeEvidence[]>();
  for (const node of nodes) byVersion.set(node.version, [...(byVersion.get(node.version) ?? []), node]);
  if (byVersion.size <= 1) return [];
  return [
    {
      kind: 'version-differs',
      severity: 'warning',
      nodes: nodes.map(({ name }) => name),
      message: `The nodes run ${byVersion.size} versions.`,
      advice: [
        ...[...byVersion].map(([version, running]) => `${version}: ${listNames(running)}`),
        'What one of them writes may not be readable to another: upgrade the older ones, masters last.',
      ],
    },
  ];
}

function listNames(nodes: readonly { readonly name: string }[]): string {
  return nodes.map(({ name }) => name).join(', ');
}

function splitAddress(name: string): [host: string, port: string] {
  const colon = name.lastIndexOf(':');
  return [name.slice(0, colon).replace(/^\[|\]$/g, ''), name.slice(colon + 1)];
}
