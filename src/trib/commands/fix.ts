/** `trib fix`: closes open slots, covers slots that nobody serves, brings stray keys home. */
import type { Address } from '../address.js';
import { type Cluster, type LostMember, loadCluster, lostMasters } from '../cluster.js';
import { askConsent, type ChangeOptions } from '../consent.js';
import { diagnose } from '../diagnosis.js';
import { waitForAgreement } from '../join.js';
import { planOpenSlot, planSharedSlot, planUncoveredSlot, type SlotFix, shareOut } from '../moving/fix-plan.js';
import { Fixer } from '../moving/fixer.js';
import { findStrayKeys, type Holder, sharedSlots, surveySlots } from '../moving/holders.js';
import { KeyMover } from '../moving/key-mover.js';
import { loadSettledCluster } from '../moving/migrations.js';
import { MoveLog } from '../moving/move-log.js';
import type { MoveOptions } from '../moving/mover.js';
import type { NodeClient } from '../node-client.js';
import { printCheck, printSummary } from '../report.js';
import { formatRanges, listSlots, rangesOf } from '../slots.js';
import type { Terminal } from '../terminal.js';
import { type CommandContext, connectEntry } from './context.js';

export interface FixOptions extends ChangeOptions, MoveOptions {
  readonly searchMultipleOwners: boolean;
  readonly fixWithUnreachableMasters: boolean;
}

const AGREEMENT_TIMEOUT_MS = 30_000;

export async function fix(context: CommandContext, address: Address, options: FixOptions): Promise<number> {
  const entry = await connectEntry(context, address);
  if (entry === undefined) return 1;
  const { terminal, connector } = context;
  const cluster = await loadSettledCluster(terminal, entry, connector);
  await printSummary(terminal, cluster);
  const healthy = await printCheck(terminal, cluster);
  const lost = lostMasters(cluster);
  if (lost.length > 0 && !options.fixWithUnreachableMasters) {
    terminal.print(...dangerous(lost));
    return 1;
  }
  const fixes = await planFixes(terminal, cluster, options);
  terminal.report({ plan: fixes.map(describeFix) });
  if (fixes.length === 0) {
    terminal.report({ changed: false });
    // Views that differ may be on their way to each other.
    if (healthy || (await confirmMended(context, entry, options)) === 0) return 0;
    terminal.print('*** There is nothing that fix can mend.');
    return 1;
  }
  const consent = await askConsent(terminal, "Fix this as shown above? (type 'yes' to accept): ", options);
  if (consent !== 'go') return consent === 'dry run' ? 0 : 1;
  if (!(await carryOut(terminal, cluster, fixes, options))) return 1;
  return await confirmMended(context, entry, options);
}

function dangerous(lost: readonly LostMember[]): string[] {
  return [
    `*** Fixing slots with ${lost.length} unreachable masters is dangerous: the slots of masters that cannot be reached`,
    'look uncovered, and would be given to others although the masters that have their keys may come back.',
    'Start these masters, or promote their replicas (trib failover --takeover REPLICA). If their data is lost for good and',
    'you really want to go on, use the --fix-with-unreachable-masters option.',
  ];
}

function describeFix({ slot, steps }: SlotFix<Holder>): Record<string, unknown> {
  return {
    slot,
    steps: steps.map((step) => {
      switch (step.kind) {
        case 'move':
          return { do: 'move', from: step.owner.id, to: step.target.id };
        case 'take':
        case 'close':
          return { do: step.kind, node: step.node.id };
        default:
          return { do: step.kind, node: step.node.id, owner: step.owner.id };
      }
    }),
  };
}

async function planFixes(terminal: Terminal, cluster: Cluster, options: FixOptions): Promise<SlotFix<Holder>[]> {
  const { openSlots, uncovered } = diagnose(cluster.members);
  const open = new Set(openSlots);
  const bare = listSlots(uncovered).filter((slot) => !open.has(slot));
  const shared = new Set(sharedSlots(cluster));
  if (options.searchMultipleOwners) terminal.print('>>> Check for multiple slot owners...');
  for (const stray of await findStrayKeys(cluster)) for (const slot of stray.slots) shared.add(slot);
  const several = [...shared].filter((slot) => !open.has(slot) && !bare.includes(slot)).sort((a, b) => a - b);
  if (options.searchMultipleOwners && several.length === 0) terminal.print('[OK] No multiple owners found.');
  const holders = await surveySlots(cluster, [...openSlots, ...bare, ...several]);
  const of = (slot: number): Holder[] => holders.get(slot) ?? [];
  const fixes: SlotFix<Holder>[] = openSlots.map((slot) => planOpenSlot(slot, of(slot)));
  fixes.push(...coverSlots(terminal, bare, of));
  fixes.push(...several.map((slot) => planSharedSlot(slot, of(slot))));
  for (const planned of fixes) terminal.print(...planned.lines);
  return fixes;
}

/** Slots that nobody claims; those without keys are spread over the masters with fewest slots. */
function coverSlots(
  terminal: Terminal,
  slots: readonly number[],
  holdersOf: (slot: number) => Holder[],
): SlotFix<Holder>[] {
  if (slots.length === 0) return [];
  terminal.print('>>> Fixing slots coverage...');
  const byHolding: Record<'none' | 'one' | 'many', number[]> = { none: [], one: [], many: [] };
  for (const slot of slots) {
    const holding = holdersOf(slot).filter(({ keys }) => keys > 0).length;
    byHolding[holding === 0 ? 'none' : holding === 1 ? 'one' : 'many'].push(slot);
  }
  const titles = {
    none: 'The following uncovered slots have no keys across the cluster:',
    one: 'The following uncovered slots have keys in just one node:',
    many: 'The following uncovered slots have keys in multiple nodes:',
  };
  for (const kind of ['none', 'one', 'many'] as const) {
    if (byHolding[kind].length > 0) terminal.print(titles[kind], formatRanges(rangesOf(byHolding[kind])));
  }
  const heirs = shareOut(byHolding.none, holdersOf(slots[0]));
  return slots.map((slot) => planUncoveredSlot(slot, holdersOf(slot), heirs.get(slot)));
}

async function carryOut(
  terminal: Terminal,
  cluster: Cluster,
  fixes: readonly SlotFix<Holder>[],
  options: FixOptions,
): Promise<boolean> {
  const log = new MoveLog(terminal, fixes.length, 'lines');
  const fixer = new Fixer(cluster, new KeyMover(cluster, options), log);
  try {
    await fixer.carryOutAll(fixes);
    return true;
  } catch (error) {
    log.finish();
    terminal.print(`[ERR] ${(error as Error).message}`, '*** Not everything is fixed. Run the same command again.');
    return false;
  } finally {
    log.finish();
  }
}

/** Waits until everybody knows, and tells what the cluster is like now. */
async function confirmMended(
  { terminal, connector }: CommandContext,
  entry: NodeClient,
  options: FixOptions,
): Promise<number> {
  const agreed = await waitForAgreement(terminal, () => loadCluster(entry, connector), AGREEMENT_TIMEOUT_MS);
  if (!agreed) terminal.print('[ERR] The nodes do not agree about the slots yet: look again with trib check.');
  const cluster = await loadCluster(entry, connector);
  const { openSlots, uncovered } = diagnose(cluster.members);
  const rest = openSlots.length + uncovered.length + sharedSlots(cluster).length;
  const strays = await findStrayKeys(cluster);
  if (rest === 0 && strays.length === 0 && agreed) {
    terminal.print('[OK] All 16384 slots covered, none is open.');
    return cluster.lost.length === 0 || options.fixWithUnreachableMasters ? 0 : 1;
  }
  for (const { member, keys } of strays) {
    terminal.print(`[ERR] Node ${member.name} still holds ${keys} keys of slots that are not its own.`);
  }
  if (rest > 0) terminal.print('[ERR] There are still slots to fix: run the same command again.');
  return 1;
}
