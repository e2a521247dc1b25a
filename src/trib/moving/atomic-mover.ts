/**
 * Moves slots by the servers themselves (CLUSTER MIGRATESLOTS, after the model of Valkey 9): all slots of a batch change hands in one
 * step, and nothing is open meanwhile. What breaks off leaves everything as it was.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Cluster, idOf, type Member, mastersOf } from '../cluster.js';
import { readView } from '../node-state.js';
import { listSlots, rangesOf } from '../slots.js';
import type { MoveWatcher, SlotBatch, SlotMover } from './mover.js';

const POLL_MS = 100;
/** How long gossip may take to tell every master. */
const NEWS_PATIENCE_MS = 60_000;

/** What CLUSTER GETSLOTMIGRATIONS tells of one move: names and values in turn. */
type Migration = ReadonlyMap<string, string>;

export class AtomicMover implements SlotMover {
  readonly #cluster: Cluster;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  async move({ source, target, slots }: SlotBatch, watcher: MoveWatcher): Promise<void> {
    const known = new Set((await migrationsOf(source)).map((move) => move.get('name')));
    const bounds = rangesOf(slots).flatMap(({ first, last }) => [String(first), String(last)]);
    await source.client.call(['CLUSTER', 'MIGRATESLOTS', 'SLOTSRANGE', ...bounds, 'NODE', idOf(target)]);
    const [begun] = (await migrationsOf(source)).filter((move) => !known.has(move.get('name')));
    const name = begun?.get('name');
    if (name === undefined) throw new Error(`${source.name} does not tell of the move that it has begun`);
    await this.#untilMoved(source, name, watcher);
    await this.#untilKnown(target, slots);
    for (const slot of slots) {
      watcher.slotBegins(slot, source, target);
      watcher.slotEnds();
    }
  }

  async #untilMoved(source: Member, name: string, watcher: MoveWatcher): Promise<void> {
    for (let sent = 0; ; await sleep(POLL_MS)) {
      const move = (await migrationsOf(source)).find((each) => each.get('name') === name);
      if (move === undefined) throw new Error(`${source.name} has forgotten the move ${name}`);
      const keys = Number(move.get('sent_keys') ?? 0);
      if (keys > sent) watcher.keysMoved(keys - sent);
      sent = Math.max(sent, keys);
      const state = move.get('state');
      if (state === 'success') return;
      if (state !== 'failed' && state !== 'cancelled') continue;
      throw new Error(`the move was ${state === 'failed' ? 'given up' : 'cancelled'}: ${move.get('message') ?? ''}`);
    }
  }

  /** Every master sees the new owner: whoever asks one of them next gets the same answer. */
  async #untilKnown(target: Member, slots: readonly number[]): Promise<void> {
    const deadlineMs = performance.now() + NEWS_PATIENCE_MS;
    for (const master of mastersOf(this.#cluster)) {
      while (!(await sees(master, idOf(target), slots))) {
        if (performance.now() > deadlineMs) throw new Error(`${master.name} has not heard of the new owner`);
        await sleep(POLL_MS);
      }
    }
  }
}

async function sees(viewer: Member, ownerId: string, slots: readonly number[]): Promise<boolean> {
  const { myself, others } = await readView(viewer.client);
  const owner = [myself, ...others].find(({ id }) => id === ownerId);
  const owned = new Set(owner === undefined ? [] : listSlots(owner.slots));
  return slots.every((slot) => owned.has(slot));
}

async function migrationsOf(member: Member): Promise<Migration[]> {
  const reply = (await member.client.call(['CLUSTER', 'GETSLOTMIGRATIONS'])) as (string | number)[][];
  return reply.map((fields) => {
    const move = new Map<string, string>();
    for (let i = 0; i + 1 < fields.length; i += 2) move.set(String(fields[i]), String(fields[i + 1]));
    return move;
  });
}
