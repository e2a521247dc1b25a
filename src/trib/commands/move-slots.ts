/** What reshard and rebalance do when their plan has been accepted. */
import { type Address, formatAddress } from '../address.js';
import type { Cluster } from '../cluster.js';
import { BestMover } from '../moving/best-mover.js';
import { MoveLog, type MoveLogStyle } from '../moving/move-log.js';
import type { MoveOptions, SlotBatch } from '../moving/mover.js';
import type { Terminal } from '../terminal.js';

export interface MoveRun {
  readonly options: MoveOptions & { readonly keyByKey: boolean };
  /** The cluster's, for the command that mends it. */
  readonly address: Address;
  readonly style: MoveLogStyle;
  /** The line in front of a batch. */
  readonly title?: (batch: SlotBatch) => string;
  /** What else is to be said when a move broke off. */
  readonly afterFailure?: readonly string[];
}

/** Moves the batches one after the other, and returns the exit code. */
export async function moveSlots(
  terminal: Terminal,
  cluster: Cluster,
  batches: readonly SlotBatch[],
  { options, address, style, title, afterFailure = [] }: MoveRun,
): Promise<number> {
  const total = batches.reduce((sum, { slots }) => sum + slots.length, 0);
  const log = new MoveLog(terminal, total, style);
  const mover = new BestMover(cluster, options);
  const finish = `trib fix ${formatAddress(address.host, address.port)}`;
  terminal.whenInterrupted(() => [...mover.whenInterrupted, `Finish it, or wait for the end:  ${finish}`]);
  try {
    for (const batch of batches) {
      if (title !== undefined) terminal.print(title(batch));
      await mover.move(batch, log);
      terminal.endLine();
    }
    return 0;
  } catch (error) {
    terminal.print(
      `[ERR] Moving slots failed: ${(error as Error).message}`,
      ...mover.whenBrokenOff.map((line) => `      ${line}`),
      `      Mend the cause and finish it:  ${finish}`,
      ...afterFailure.map((line) => `      ${line}`),
    );
    return 1;
  } finally {
    terminal.whenInterrupted(undefined);
    log.finish();
  }
}
