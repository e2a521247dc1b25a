/**
 * What mends a slot that is open, has no owner or several, or whose keys lie on nodes that do not own it. Pure: what the
 * masters say about the slot in, steps out. Keys are never thrown away, and go to the node that serves the slot.
 */

/** What one master says about one slot. */
export interface SlotHolder {
  readonly id: string;
  readonly name: string;
  /** It claims the slot for itself. */
  readonly owns: boolean;
  readonly keys: number;
  readonly migratingTo: string | undefined;
  readonly importingFrom: string | undefined;
  /** How many slots it owns. */
  readonly slotCount: number;
}

export type FixStep<H> =
  /** `node` gives up its claim and takes keys of the slot from nobody but its owner. */
  | { readonly kind: 'yield'; readonly node: H; readonly owner: H }
  /** `node` becomes the owner, with a new epoch. */
  | { readonly kind: 'take'; readonly node: H }
  /** The keys that `node` has go to the owner, and the slot is closed on `node`. */
  | { readonly kind: 'drain'; readonly node: H; readonly owner: H }
  /** The slot and its keys go from its owner to `target`. */
  | { readonly kind: 'move'; readonly owner: H; readonly target: H }
  | { readonly kind: 'close'; readonly node: H };

export interface SlotFix<H> {
  readonly slot: number;
  /** The transcript's lines that say what will be done. */
  readonly lines: readonly string[];
  readonly steps: readonly FixStep<H>[];
}

/** Plans the mending of an open slot. `holders` are all masters. */
export function planOpenSlot<H extends SlotHolder>(slot: number, holders: readonly H[]): SlotFix<H> {
  const lines = [`>>> Fixing open slot ${slot}`];
  const steps: FixStep<H>[] = [];
  const migrating = holders.filter(({ migratingTo }) => migratingTo !== undefined);
  const importing = holders.filter(({ importingFrom }) => importingFrom !== undefined);
  for (const { name, keys, owns } of holders) {
    if (!owns && keys > 0) lines.push(`*** Found keys about slot ${slot} in non-owner node ${name}!`);
  }
  if (migrating.length > 0) lines.push(`Set as migrating in: ${namesOf(migrating)}`);
  if (importing.length > 0) lines.push(`Set as importing in: ${namesOf(importing)}`);
  const claimants = holders.filter(({ owns }) => owns);
  if (claimants.length === 1) {
    planClosing(slot, claimants[0], holders, lines, steps);
    return { slot, lines, steps };
  }
  lines.push('>>> No single clear owner for the slot, selecting an owner by # of keys...');
  const owner = pickOwner(claimants.length > 0 ? claimants : holders);
  lines.push(`*** Configuring ${owner.name} as the slot owner`);
  gather(owner, holders, steps);
  return { slot, lines, steps };
}

/** There is one owner. A move that was begun is finished; what else is open is closed, its keys go to the owner. */
function planClosing<H extends SlotHolder>(
  slot: number,
  owner: H,
  holders: readonly H[],
  lines: string[],
  steps: FixStep<H>[],
): void {
  const target = holders.find(({ id, importingFrom }) => id === owner.migratingTo && importingFrom === owner.id);
  const others = holders.filter((holder) => holder !== owner && holder !== target);
  // Nobody's move: as redis-cli does, also an importing node without keys is emptied before it is closed.
  const isDrained = ({ keys, importingFrom }: H): boolean =>
    keys > 0 || (owner.migratingTo === undefined && importingFrom !== undefined);
  const drained = others.filter(isDrained);
  const closed = others.filter((node) => !isDrained(node) && isOpen(node));
  if (drained.length > 0) lines.push(`>>> Case 2: Moving all the ${slot} slot keys to its owner ${owner.name}`);
  for (const node of drained) steps.push({ kind: 'drain', node, owner });
  for (const node of closed) steps.push({ kind: 'close', node });
  if (target !== undefined) {
    const aside = closed.length > 0 ? ' and closing it on all the other importing nodes.' : '';
    lines.push(`>>> Case ${aside ? 3 : 1}: Moving slot ${slot} from ${owner.name} to ${target.name}${aside}`);
    steps.push({ kind: 'move', owner, target });
    return;
  }
  if (owner.migratingTo !== undefined || owner.importingFrom !== undefined) {
    steps.push({ kind: 'close', node: owner });
    closed.push(owner);
  }
  if (closed.length > 0) lines.push(`>>> Case 4: Closing slot ${slot} on ${namesOf(closed)}`);
}

/** A slot that nobody claims: its keys, if there are any, say who should have it, else it is `heir`'s. */
export function planUncoveredSlot<H extends SlotHolder>(
  slot: number,
  holders: readonly H[],
  heir?: string,
): SlotFix<H> {
  const unheld = holders.every(({ keys }) => keys === 0);
  const owner = (unheld && holders.find(({ id }) => id === heir)) || pickOwner(holders);
  const holding = holders.filter(({ keys }) => keys > 0).length;
  const how = holding > 1 ? `moving keys to ${owner.name}` : `with ${owner.name}`;
  const steps: FixStep<H>[] = [];
  gather(owner, holders, steps);
  return { slot, lines: [`>>> Covering slot ${slot} ${how}`], steps };
}

/** Divides slots without keys among masters, so that those with fewest slots catch up; each gets neighbouring ones. */
export function shareOut(slots: readonly number[], masters: readonly SlotHolder[]): Map<number, string> {
  const counts = masters.map(({ id, slotCount }) => ({ id, slotCount, gets: 0 }));
  for (let i = 0; i < slots.length; i++) {
    const least = counts.reduce((a, b) => (b.slotCount + b.gets < a.slotCount + a.gets ? b : a));
    least.gets++;
  }
  const heirs = new Map<number, string>();
  let next = 0;
  for (const { id, gets } of counts) {
    for (const slot of slots.slice(next, next + gets)) heirs.set(slot, id);
    next += gets;
  }
  return heirs;
}

/** A slot that several masters claim, or whose keys lie on masters that do not own it. */
export function planSharedSlot<H extends SlotHolder>(slot: number, holders: readonly H[]): SlotFix<H> {
  const claimants = holders.filter(({ owns }) => owns);
  const sharing = holders.filter(({ owns, keys }) => owns || keys > 0);
  const lines = [
    `[WARNING] Slot ${slot} has ${sharing.length} owners:`,
    ...sharing.map(({ name }) => `    ${name}`),
    `>>> Fixing multiple owners for slot ${slot}...`,
  ];
  const owner = pickOwner(claimants.length > 0 ? claimants : holders);
  lines.push(`>>> Setting slot ${slot} owner: ${owner.name}`);
  const steps: FixStep<H>[] = [];
  if (claimants.length === 1) {
    for (const node of sharing) if (node !== owner) steps.push({ kind: 'drain', node, owner });
  } else {
    gather(owner, holders, steps);
  }
  return { slot, lines, steps };
}

/**
 * All keys to one owner. The others yield before it takes the slot: a node that still claimed it would throw its keys away
 * as soon as it heard of the owner's new epoch.
 */
function gather<H extends SlotHolder>(owner: H, holders: readonly H[], steps: FixStep<H>[]): void {
  const others = holders.filter((holder) => holder !== owner);
  for (const node of others) if (node.owns || node.keys > 0) steps.push({ kind: 'yield', node, owner });
  steps.push({ kind: 'take', node: owner });
  for (const node of others) {
    if (node.keys > 0) steps.push({ kind: 'drain', node, owner });
    else if (node.owns || isOpen(node)) steps.push({ kind: 'close', node });
  }
}

/** The one with most keys; among equals, and there are many without keys, the one with fewest slots. */
function pickOwner<H extends SlotHolder>(holders: readonly H[]): H {
  return holders.reduce((best, holder) => {
    if (holder.keys !== best.keys) return holder.keys > best.keys ? holder : best;
    return holder.slotCount < best.slotCount ? holder : best;
  });
}

export function isOpen({ migratingTo, importingFrom }: Pick<SlotHolder, 'migratingTo' | 'importingFrom'>): boolean {
  return migratingTo !== undefined || importingFrom !== undefined;
}

function namesOf(holders: readonly SlotHolder[]): string {
  return holders.map(({ name }) => name).join(',');
}
