/**
 * Moves slots key by key, with SETSLOT and MIGRATE, as redis-trib does. Who owns a slot at each step:
 *
 *   target SETSLOT IMPORTING   source serves; the target takes only what comes with ASKING
 *   source SETSLOT MIGRATING   source serves the keys it has, and sends clients on to the target for others
 *   source MIGRATE keys        a key is on one side or, when a MIGRATE broke off, on both: then the source serves its own
 *   target SETSLOT NODE        target owns, with a newer epoch than the source, which has no key left
 *   source, others SETSLOT NODE
 *
 * The target is told first: if everybody else knew and the target died, nobody would serve the slot.
 */
import { type Cluster, idOf, type Member, mastersOf } from '../cluster.js';
import type { NodeCallError, NodeClient, RawReply } from '../node-client.js';
import { keysThatDiffer } from './compare.js';
import type { MoveOptions, MoveWatcher, SlotBatch, SlotMover } from './mover.js';

/** A MIGRATE takes as long as its keys are large; this only ends the wait for a host that is gone without a word. */
const LONGEST_MIGRATE_MS = 600_000;

export class KeyMover implements SlotMover {
  readonly #cluster: Cluster;
  readonly #options: MoveOptions;
  readonly whenBrokenOff = ['No key is lost: the slot that was on the move is open, and both nodes know about it.'];
  readonly whenInterrupted = ['No key is lost: a slot that was on the move is open, and both nodes know about it.'];

  constructor(cluster: Cluster, options: MoveOptions) {
    this.#cluster = cluster;
    this.#options = options;
  }

  async move({ source, target, slots }: SlotBatch, watcher: MoveWatcher): Promise<void> {
    for (const slot of slots) {
      watcher.slotBegins(slot, source, target);
      await setSlot(target, slot, 'IMPORTING', idOf(source));
      await setSlot(source, slot, 'MIGRATING', idOf(target));
      await this.#moveKeys(slot, source, target, true, watcher);
      await this.handOver(slot, source, target);
      watcher.slotEnds();
    }
  }

  /** Moves the keys of a slot to its owner from a node that should not have them. */
  async drain(slot: number, source: Member, owner: Member, watcher: MoveWatcher): Promise<void> {
    watcher.slotBegins(slot, source, owner);
    // Open in any direction is what lets MIGRATE work on a slot that is another node's.
    await setSlot(source, slot, 'IMPORTING', idOf(owner));
    await this.#moveKeys(slot, source, owner, false, watcher);
    watcher.slotEnds();
    watcher.note(`>>> Setting ${slot} as STABLE in ${source.name}`);
    await source.client.call(['CLUSTER', 'SETSLOT', String(slot), 'STABLE']);
  }

  /** Makes the target the owner everywhere. */
  async handOver(slot: number, source: Member, target: Member): Promise<void> {
    await setSlot(target, slot, 'NODE', idOf(target));
    await this.announce(slot, target, [source]);
    await this.announce(
      slot,
      target,
      mastersOf(this.#cluster).filter((master) => master !== source && master !== target),
    );
  }

  /** Tells masters who owns a slot. One that lost its last slot may have become a replica by now: that is no error. */
  async announce(slot: number, owner: Member, masters: readonly Member[]): Promise<void> {
    await Promise.all(
      masters.map((master) =>
        setSlot(master, slot, 'NODE', idOf(owner)).catch((error: NodeCallError) => {
          if (!error.isReply || !error.reply.includes('Please use SETSLOT only with masters')) throw error;
        }),
      ),
    );
  }

  async #moveKeys(
    slot: number,
    source: Member,
    target: Member,
    sourceServes: boolean,
    watcher: MoveWatcher,
  ): Promise<void> {
    for (;;) {
      const args = ['CLUSTER', 'GETKEYSINSLOT', String(slot), String(this.#options.pipeline)];
      const keys = (await source.client.callRaw(args)) as Buffer[];
      if (keys.length === 0) return;
      try {
        await this.#migrate(source.client, target.client, keys, false);
      } catch (error) {
        if (!isBusyKey(error)) throw error;
        await this.#overwrite(source, target, keys, sourceServes, watcher);
      }
      watcher.keysMoved(keys.length);
    }
  }

  /** Some of the keys are on both sides: an earlier MIGRATE broke off after the target had its copy. */
  async #overwrite(
    source: Member,
    target: Member,
    keys: readonly Buffer[],
    sourceServes: boolean,
    watcher: MoveWatcher,
  ): Promise<void> {
    watcher.note('*** Target key exists');
    // While the source owns the slot, its copy is the one that clients see and change: it is the newer one.
    if (!this.#options.replace && !sourceServes) {
      watcher.note('*** Checking key values on both nodes...');
      const differing = await keysThatDiffer(source.client, target.client, keys);
      if (differing.length > 0) {
        watcher.note(
          `[ERR] Found ${differing.length} key(s) in both source node and target node having different values.`,
          `      Source node: ${source.name}`,
          `      Target node: ${target.name} (the owner of the slot: its values are the ones that clients see)`,
          ...differing.map((key) => `      - ${key.toString()}`),
          '      Delete one of the two, or run the command again with --replace to overwrite those of the target node.',
        );
        throw new Error(`${differing.length} key(s) have different values on ${source.name} and ${target.name}`);
      }
    }
    watcher.note('*** Replacing target keys...');
    await this.#migrate(source.client, target.client, keys, true);
  }

  async #migrate(source: NodeClient, target: NodeClient, keys: readonly Buffer[], replace: boolean): Promise<RawReply> {
    const { timeoutMs } = this.#options;
    const args: (string | Buffer)[] = ['MIGRATE', target.ip, String(target.port), '', '0', String(timeoutMs)];
    if (replace) args.push('REPLACE');
    args.push(...target.migrateAuth, 'KEYS', ...keys);
    return await source.callRaw(args, Math.max(LONGEST_MIGRATE_MS, 2 * timeoutMs));
  }
}

async function setSlot(member: Member, slot: number, state: string, nodeId: string): Promise<void> {
  await member.client.call(['CLUSTER', 'SETSLOT', String(slot), state, nodeId]);
}

function isBusyKey(error: unknown): boolean {
  return (error as NodeCallError).isReply === true && (error as NodeCallError).reply.includes('BUSYKEY');
}
