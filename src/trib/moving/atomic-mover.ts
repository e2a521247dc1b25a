/**
 * Moves slots by the servers themselves (CLUSTER MIGRATESLOTS, after the model of Valkey 9): all slots of a batch change hands in one
 * step, and nothing is open meanwhile. What breaks off leaves everything as it was, or goes on without us.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Cluster, idOf, type Member, mastersOf } from '../cluster.js';
import { NodeCallError } from '../node-client.js';
import { readView } from '../node-state.js';
import { formatRanges, listSlots, rangesOf } from '../slots.js';
import { countKeys } from './holders.js';
import { isOver, MIGRATION_POLL_MS, readMigrations, redisCli } from './migrations.js';
import type { MoveWatcher, SlotBatch, SlotMover } from './mover.js';

/** How long gossip may take to tell every master. */
const NEWS_PATIENCE_MS = 60_000;

/** What a target says that does not let the source in, or does not understand it. */
const SHUT_OUT = /NOAUTH|WRONGPASS|NOPERM|unknown (sub)?command/i;

/** The servers will not make this move, and nothing has begun. */
export class MoveRefused extends Error {
  override name = 'MoveRefused';
}

export class AtomicMover implements SlotMover {
  readonly #cluster: Cluster;
  /** What the servers have been asked for, and do without us. */
  #begun: SlotBatch | undefined;
  readonly whenBrokenOff = [
    'No key is lost: nothing is open, and slots that the servers are moving change hands together or stay.',
    'Where the servers give up again and again, the same command with --key-by-key moves slot by slot.',
  ];

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  get whenInterrupted(): readonly string[] {
    if (this.#begun === undefined) return ['No key is lost: nothing is open, and no move is under way.'];
    const { source, target, slots } = this.#begun;
    return [
      `No key is lost: the servers go on to move slots ${formatRanges(rangesOf(slots))} from ${source.name} to ${target.name}.`,
      `To watch it:   ${redisCli(source)} cluster getslotmigrations`,
      `To end it:     ${redisCli(source)} cluster cancelslotmigrations`,
    ];
  }

  async move(batch: SlotBatch, watcher: MoveWatcher): Promise<void> {
    try {
      await this.#move(batch, watcher);
    } finally {
      this.#begun = undefined;
    }
  }

  async #move({ source, target, slots }: SlotBatch, watcher: MoveWatcher): Promise<void> {
    const known = new Set((await readMigrations(source))?.map(({ name }) => name));
    const keyCounts = await countKeys(source, slots);
    const bounds = rangesOf(slots).flatMap(({ first, last }) => [String(first), String(last)]);
    this.#begun = { source, target, slots };
    await source.client
      .call(['CLUSTER', 'MIGRATESLOTS', 'SLOTSRANGE', ...bounds, 'NODE', idOf(target)])
      .catch((error: unknown) => {
        throw error instanceof NodeCallError && error.isReply ? new MoveRefused(error.message) : error;
      });
    const begun = (await readMigrations(source))?.find(({ name }) => !known.has(name));
    if (begun === undefined) throw new Error(`${source.name} does not tell of the move that it has begun`);
    const total = keyCounts.reduce((sum, count) => sum + count, 0);
    await untilMoved(source, begun.name, (sentKeys) => {
      const share = total === 0 ? 0 : Math.min(sentKeys / total, 1);
      watcher.underWay(Math.floor(share * slots.length), sentKeys);
    });
    await this.#untilKnown(target, slots);
    // Of the keys a slot has had when its move began.
    for (const [i, slot] of slots.entries()) {
      watcher.slotBegins(slot, source, target);
      if (keyCounts[i] > 0) watcher.keysMoved(keyCounts[i]);
      watcher.slotEnds();
    }
  }

  /** Every master sees the new owner: whoever asks one of them next gets the same answer. */
  async #untilKnown(target: Member, slots: readonly number[]): Promise<void> {
    const deadlineMs = performance.now() + NEWS_PATIENCE_MS;
    for (const master of mastersOf(this.#cluster)) {
      while (!(await sees(master, idOf(target), slots))) {
        if (performance.now() > deadlineMs) throw new Error(`${master.name} has not heard of the new owner`);
        await sleep(MIGRATION_POLL_MS);
      }
    }
  }
}

async function untilMoved(source: Member, name: string, tell: (sentKeys: number) => void): Promise<void> {
  for (; ; await sleep(MIGRATION_POLL_MS)) {
    const move = (await readMigrations(source))?.find((each) => each.name === name);
    if (move === undefined) throw new Error(`${source.name} has forgotten the move ${name}`);
    if (move.state === 'success') return;
    tell(move.sentKeys);
    if (!isOver(move)) continue;
    if (move.state === 'failed' && SHUT_OUT.test(move.message)) throw new MoveRefused(move.message);
    throw new Error(`the move was ${move.state === 'failed' ? 'given up' : 'cancelled'}: ${move.message}`);
  }
}

async function sees(viewer: Member, ownerId: string, slots: readonly number[]): Promise<boolean> {
  const { myself, others } = await readView(viewer.client);
  const owner = [myself, ...others].find(({ id }) => id === ownerId);
  const owned = new Set(owner === undefined ? [] : listSlots(owner.slots));
  return slots.every((slot) => owned.has(slot));
}
