/** HSCAN and SSCAN. */
import type { Collection, Position } from '../types/collection.js';
import type { CommandContext } from './context.js';
import { matchesPattern, scanOptions, takeScanSteps } from './generic/scanning.js';

/** What is replied when there is no key: the scan is over and found nothing. */
export function replyEmptyScan(ctx: CommandContext): void {
  ctx.reply.array(2);
  ctx.reply.bulkInteger(0);
  ctx.reply.array(0);
}

/**
 * Replies one step over a collection from `cursor` on, options from argument 3: small collections whole, whatever the cursor.
 * `replyElement` writes the `parts` replies of each element that matches.
 */
export function replyScan(
  ctx: CommandContext,
  collection: Collection,
  cursor: number,
  parts: number,
  replyElement: (position: Position) => void,
): void {
  const options = scanOptions(ctx, 3, false);
  if (options === undefined) return;
  const found: Position[] = [];
  let next = 0;
  if (collection.isLarge) {
    next = takeScanSteps((at, visit) => collection.scan(at, visit), cursor, options.count, found);
  } else {
    collection.walk((position) => found.push(position) > 0);
  }
  const { pattern } = options;
  const matching = pattern === 0 ? found : found.filter((at) => matchesPattern(ctx, pattern, collection.keyAt(at)));
  ctx.reply.array(2);
  ctx.reply.bulkInteger(next);
  ctx.reply.array(matching.length * parts);
  for (const position of matching) replyElement(position);
}
