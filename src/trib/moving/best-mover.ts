import type { Cluster } from '../cluster.js';
import { AtomicMover, MoveRefused } from './atomic-mover.js';
import { KeyMover } from './key-mover.js';
import { canMigrate } from './migrations.js';
import type { MoveOptions, MoveWatcher, SlotBatch, SlotMover } from './mover.js';

/**
 * How slots are moved, the one place that decides: by the servers themselves where both can, else, or when asked to, key by
 * key, which all servers can do.
 */
export class BestMover implements SlotMover {
  readonly #atomic: AtomicMover;
  readonly #byKey: KeyMover;
  readonly #mayBeAtomic: boolean;
  #last: SlotMover;

  constructor(cluster: Cluster, options: MoveOptions & { readonly keyByKey: boolean }) {
    this.#atomic = new AtomicMover(cluster);
    this.#byKey = new KeyMover(cluster, options);
    this.#mayBeAtomic = !options.keyByKey;
    this.#last = this.#byKey;
  }

  get whenBrokenOff(): readonly string[] {
    return this.#last.whenBrokenOff;
  }

  get whenInterrupted(): readonly string[] {
    return this.#last.whenInterrupted;
  }

  async move(batch: SlotBatch, watcher: MoveWatcher): Promise<void> {
    const { source, target } = batch;
    if (this.#mayBeAtomic && (await canMigrate(source, target))) {
      this.#last = this.#atomic;
      try {
        return await this.#atomic.move(batch, watcher);
      } catch (error) {
        if (!(error instanceof MoveRefused)) throw error;
        watcher.note(
          `>>> ${source.name} cannot move slots to ${target.name} by itself (${error.message}): they go key by key.`,
          ...(/NOAUTH|WRONGPASS/.test(error.message)
            ? [`    It could with the password of ${target.name} in masterauth.`]
            : []),
        );
      }
    }
    this.#last = this.#byKey;
    await this.#byKey.move(batch, watcher);
  }
}
