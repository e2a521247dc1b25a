/** Carries out the steps of `fix`, each of which may be taken again after an interruption. */
import { type Cluster, idOf, type Member, mastersOf } from '../cluster.js';
import { NodeCallError } from '../node-client.js';
import { allNodes } from '../node-view.js';
import { formatRanges, listSlots, rangesOf } from '../slots.js';
import { type FixStep, isOpen, type SlotFix } from './fix-plan.js';
import type { Holder } from './holders.js';
import type { KeyMover } from './key-mover.js';
import type { MoveWatcher } from './mover.js';

export class Fixer {
  readonly #cluster: Cluster;
  readonly #mover: KeyMover;
  readonly #watcher: MoveWatcher;

  constructor(cluster: Cluster, mover: KeyMover, watcher: MoveWatcher) {
    this.#cluster = cluster;
    this.#mover = mover;
    this.#watcher = watcher;
  }

  /** All of them: first, node by node, the slots that need no more than an owner. A new epoch for each would wait for the disk. */
  async carryOutAll(fixes: readonly SlotFix<Holder>[]): Promise<void> {
    const bare = new Map<Member, number[]>();
    const others: SlotFix<Holder>[] = [];
    for (const planned of fixes) {
      const [step, ...more] = planned.steps;
      if (more.length === 0 && step?.kind === 'take' && !step.node.owns && !isOpen(step.node)) {
        const { member } = step.node;
        bare.set(member, [...(bare.get(member) ?? []), planned.slot]);
      } else {
        others.push(planned);
      }
    }
    for (const [member, slots] of bare) await takeSlots(member, slots, addSlots(member, slots));
    for (const planned of others) await this.#carryOut(planned);
  }

  async #carryOut({ slot, steps }: SlotFix<Holder>): Promise<void> {
    for (const step of steps) await this.#take(slot, step);
    // Those that had another idea of the owner are told; what is gathered and drained was in somebody's wrong view.
    const gathered = steps.find((step) => step.kind === 'take' || step.kind === 'drain');
    if (gathered === undefined) return;
    const owner = gathered.kind === 'take' ? gathered.node.member : gathered.owner.member;
    const others = mastersOf(this.#cluster).filter((master) => master !== owner);
    await this.#mover.announce(slot, owner, others);
  }

  async #take(slot: number, step: FixStep<Holder>): Promise<void> {
    switch (step.kind) {
      case 'yield':
        return await yieldSlot(slot, step.node.member, step.owner.member, step.node.owns);
      case 'take':
        return await takeSlots(
          step.node.member,
          [slot],
          [
            ['CLUSTER', 'SETSLOT', String(slot), 'STABLE'],
            ...(step.node.owns ? [] : addSlots(step.node.member, [slot])),
          ],
        );
      case 'drain':
        return await this.#mover.drain(slot, step.node.member, step.owner.member, this.#watcher);
      case 'move': {
        const { member } = step.owner;
        return await this.#mover.move({ source: member, target: step.target.member, slots: [slot] }, this.#watcher);
      }
      case 'close':
        await step.node.member.client.call(['CLUSTER', 'SETSLOT', String(slot), 'STABLE']);
    }
  }
}

async function yieldSlot(slot: number, { client }: Member, owner: Member, owns: boolean): Promise<void> {
  if (owns) await client.call(['CLUSTER', 'DELSLOTS', String(slot)]);
  await client.call(['CLUSTER', 'SETSLOT', String(slot), 'NODE', idOf(owner)]);
  await client.call(['CLUSTER', 'SETSLOT', String(slot), 'IMPORTING', idOf(owner)]);
}

/** What makes a node the owner of slots that it takes for another's or nobody's. */
function addSlots({ view }: Member, slots: readonly number[]): string[][] {
  const assigned = new Set(allNodes(view).flatMap((node) => listSlots(node.slots)));
  const given = slots.filter((slot) => assigned.has(slot));
  return [
    ...(given.length > 0 ? [['CLUSTER', 'DELSLOTS', ...given.map(String)]] : []),
    ['CLUSTER', 'ADDSLOTS', ...slots.map(String)],
  ];
}

/** In one transaction, so that gossip cannot come between giving up a slot and taking it. */
async function takeSlots(
  { client }: Member,
  slots: readonly number[],
  commands: readonly (readonly string[])[],
): Promise<void> {
  const replies = await client.callAll([['MULTI'], ...commands, ['CLUSTER', 'BUMPEPOCH'], ['EXEC']]);
  const failure = replies.find((reply) => reply instanceof NodeCallError);
  if (failure !== undefined) throw failure;
  const results = replies.at(-1);
  const refused = Array.isArray(results) ? results.find((result: unknown) => result instanceof Error) : undefined;
  if (refused !== undefined) {
    throw new Error(`${client.name} did not take slots ${formatRanges(rangesOf(slots))}: ${String(refused)}`);
  }
}
