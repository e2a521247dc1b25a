/** What a way of moving slots has to offer, so that a second one (atomic, by the servers themselves) can stand beside it. */
import type { Member } from '../cluster.js';

/** Slots that go from one master to another. */
export interface SlotBatch {
  readonly source: Member;
  readonly target: Member;
  readonly slots: readonly number[];
}

/** Is told how far a move has come. */
export interface MoveWatcher {
  /** Slots that change hands together are on their way: so many of them may count as done, with so many keys. */
  underWay(slots: number, keys: number): void;
  slotBegins(slot: number, source: Member, target: Member): void;
  keysMoved(count: number): void;
  slotEnds(): void;
  note(...lines: readonly string[]): void;
}

export interface SlotMover {
  /**
   * Moves the slots with all their keys. When it resolves, the target owns them and every master has been told; when it
   * throws, or the process dies, `trib fix` can finish what is open, and waits for what goes on without us.
   */
  move(batch: SlotBatch, watcher: MoveWatcher): Promise<void>;
  /** How things stand after a move that threw, in lines. */
  readonly whenBrokenOff: readonly string[];
  /** How things stand should the process end right now, in lines. */
  readonly whenInterrupted: readonly string[];
}

export interface MoveOptions {
  /** How long a node may wait for the other one while keys go over. */
  readonly timeoutMs: number;
  /** How many keys go over at once. */
  readonly pipeline: number;
  /** Overwrite keys of the target that differ. */
  readonly replace: boolean;
}

export const DEFAULT_MOVE_OPTIONS: MoveOptions = { timeoutMs: 60_000, pipeline: 10, replace: false };
