/**
 * An operator at a machine of its own: moves slots key by key as redis-cli does, asks for failovers, adds nodes and takes
 * some out. Any step may fail or get no answer; then it gives up and leaves things as they are.
 */
import type { AdminCommand } from '../../src/cluster/core/admin.js';
import { Asker, type Procedure, sleep, start, wait } from './connections.js';
import { PORT } from './messages.js';
import type { SimNode } from './node.js';
import type { Simulation } from './simulation.js';

const TIMEOUT_MS = 3000;
const PAUSE_MS = 4000;
const KEYS_A_STEP = 10;
const MAX_NODES_ADDED = 4;

export class Operator {
  readonly counts = { slotsMoved: 0, slotsLeftOpen: 0, failoversAsked: 0, nodesAdded: 0, nodesForgotten: 0 };
  readonly #sim: Simulation;
  readonly #asker: Asker;

  constructor(sim: Simulation) {
    this.#sim = sim;
    this.#asker = new Asker(sim.network, sim.time, '10.2.0.1');
  }

  start(): void {
    start(this.#work());
    start(this.#moveSlots());
  }

  *#moveSlots(): Procedure {
    const { random, time } = this.#sim;
    while (!this.#sim.isOver) {
      yield* wait(sleep(time, random.below(PAUSE_MS)));
      const [from, to] = [this.#anyMaster(), this.#anyMaster()];
      if (from === undefined || to === undefined || from === to) continue;
      const slots = this.#sim.hotSlots.filter((slot) => from.core.isMine(slot));
      if (slots.length === 0) continue;
      const isDone = yield* this.#moveSlot(slots[random.below(slots.length)], from, to);
      if (isDone) this.counts.slotsMoved++;
      else this.counts.slotsLeftOpen++;
    }
  }

  *#work(): Procedure {
    const { random, time } = this.#sim;
    while (!this.#sim.isOver) {
      yield* wait(sleep(time, 1000 + random.below(PAUSE_MS * 2)));
      const dice = random.below(20);
      if (dice < 12) yield* this.#failOver(undefined);
      else if (dice === 12) yield* this.#failOver('FORCE');
      else if (dice === 13 && random.below(4) === 0) yield* this.#failOver('TAKEOVER');
      else if (dice < 17) yield* this.#addNode();
      else yield* this.#takeOut();
    }
  }

  *#admin(node: SimNode, command: AdminCommand): Procedure<string | undefined> {
    const reply = yield* wait(this.#asker.ask(node.ip, { kind: 'admin', command }, TIMEOUT_MS));
    return reply?.text;
  }

  #any(nodes: readonly SimNode[]): SimNode | undefined {
    return nodes.length === 0 ? undefined : nodes[this.#sim.random.below(nodes.length)];
  }

  #anyMaster(): SimNode | undefined {
    return this.#any(this.#sim.live.filter(({ core }) => core.myself.isMaster));
  }

  // ------------------------------------------------------------------------------------------------ moving a slot

  /** False when it was left in the middle. */
  *#moveSlot(slot: number, from: SimNode, to: SimNode): Procedure<boolean> {
    const setSlot = (node: SimNode, ...args: string[]): Procedure<string | undefined> =>
      this.#admin(node, { kind: 'setSlot', args: [String(slot), ...args] });
    this.#sim.checks.note(`operator: slot ${slot} from ${from.name} to ${to.name}`);
    if ((yield* setSlot(to, 'IMPORTING', from.id)) !== 'OK') return false;
    if ((yield* setSlot(from, 'MIGRATING', to.id)) !== 'OK') return false;
    if (!(yield* this.#moveKeys(slot, from, to))) return false;
    // The new owner first: until it knows, nobody may send it clients.
    if ((yield* setSlot(to, 'NODE', to.id)) !== 'OK') return false;
    if ((yield* setSlot(from, 'NODE', to.id)) !== 'OK') return false;
    for (const node of this.#sim.live) {
      if (node !== from && node !== to && node.core.myself.isMaster) yield* setSlot(node, 'NODE', to.id);
    }
    this.#sim.checks.note(`operator: slot ${slot} is moved`);
    return true;
  }

  *#moveKeys(slot: number, from: SimNode, to: SimNode): Procedure<boolean> {
    for (;;) {
      const request = { kind: 'keysInSlot', slot, count: KEYS_A_STEP } as const;
      const reply = yield* wait(this.#asker.ask(from.ip, request, TIMEOUT_MS));
      if (reply?.keys === undefined) return false;
      if (reply.keys.length === 0) return true;
      for (const key of reply.keys) {
        const move = { kind: 'migrate', slot, key, toIp: to.ip } as const;
        const moved = yield* wait(this.#asker.ask(from.ip, move, TIMEOUT_MS));
        if (moved?.text !== 'OK' && moved?.text !== 'NOKEY') return false;
      }
    }
  }

  // ------------------------------------------------------------------------------------------------ failover

  *#failOver(mode: string | undefined): Procedure {
    const replica = this.#any(this.#sim.live.filter(({ core }) => core.myself.isReplica));
    if (replica === undefined) return;
    // Something may stop in the middle of it.
    const other = this.#sim.byId(replica.core.myself.master?.id) ?? replica;
    if (this.#sim.random.below(5) === 0) this.#sim.faults.stopSoon(this.#sim.random.below(2) === 0 ? replica : other);
    const answer = yield* this.#admin(replica, { kind: 'failover', mode });
    if (answer === 'OK') this.counts.failoversAsked++;
  }

  // ------------------------------------------------------------------------------------------------ members

  *#addNode(): Procedure {
    const sim = this.#sim;
    if (this.counts.nodesAdded - this.counts.nodesForgotten >= MAX_NODES_ADDED) return;
    const seed = this.#any(sim.live);
    if (seed === undefined) return;
    const node = sim.addNode();
    Object.assign(node.config, sim.nodes[0].config, { announceIp: '' });
    node.boot(sim.clockErrorMs());
    this.counts.nodesAdded++;
    yield* this.#admin(node, { kind: 'meet', ip: seed.ip, port: String(PORT) });
    yield* wait(sleep(sim.time, 3000));
    const master = this.#anyMaster();
    // Half of them stay masters without slots, until slots are moved there.
    if (master === undefined || sim.random.below(2) === 0) return;
    yield* this.#admin(node, { kind: 'replicate', id: master.id });
  }

  /** A replica, or a master without slots, of those that were added. */
  *#takeOut(): Procedure {
    const sim = this.#sim;
    const node = this.#any(
      sim.live.slice(sim.initialNodes).filter(({ isRunning, core, replication }) => {
        const { isMaster, slotCount, replicas } = core.myself;
        const isIdle = isMaster && slotCount === 0 && replicas.length === 0 && replication.store.size === 0;
        return (
          isRunning && (core.myself.isReplica || (isIdle && !sim.hotSlots.some((slot) => core.importingFrom(slot))))
        );
      }),
    );
    if (node === undefined) return;
    const { id } = node;
    sim.remove(node);
    this.counts.nodesForgotten++;
    for (const other of sim.live) yield* this.#admin(other, { kind: 'forget', id });
  }
}
