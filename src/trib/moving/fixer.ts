/** Carries out the steps of `fix`, each of which may be taken again after an interruption. */
import { type Cluster, idOf, type Member, mastersOf } from '../cluster.js';
import { NodeCallError } from '../node-client.js';
import { allNodes } from '../node-view.js';
import type { FixStep, SlotFix } from './fix-plan.js';
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

  async carryOut({ slot, steps }: SlotFix<Holder>): Promise<void> {
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
        return await takeSlot(slot, step.node.member, step.node.owns);
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

/** In one transaction, so that gossip cannot come between giving up the slot and taking it. */
async function takeSlot(slot: number, member: Member, owns: boolean): Promise<void> {
  const { client, view } = member;
  const commands: string[][] = [['CLUSTER', 'SETSLOT', String(slot), 'STABLE']];
  if (!owns) {
    const assigned = allNodes(view).some((node) => node.slots.some(({ first, last }) => first <= slot && slot <= last));
    if (assigned) commands.push(['CLUSTER', 'DELSLOTS', String(slot)]);
    commands.push(['CLUSTER', 'ADDSLOTS', String(slot)]);
  }
  commands.push(['CLUSTER', 'BUMPEPOCH']);
  const replies = await client.callAll([['MULTI'], ...commands, ['EXEC']]);
  const failure = replies.find((reply) => reply instanceof NodeCallError);
  if (failure !== undefined) throw failure;
  const results = replies.at(-1);
  const refused = Array.isArray(results) ? results.find((result: unknown) => result instanceof Error) : undefined;
  if (refused !== undefined) throw new Error(`${client.name} did not take slot ${slot}: ${String(refused)}`);
}
