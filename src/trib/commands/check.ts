import { systemClock } from '../../base/clock.js';
import type { Address } from '../address.js';
import { gatherEvidence } from '../checkup/evidence.js';
import type { Explanation } from '../checkup/explanation.js';
import { findProblems } from '../checkup/findings.js';
import { loadCluster } from '../cluster.js';
import { findStrayKeys, surveySlots } from '../moving/holders.js';
import { printCheck, printSlotMap, printSummary } from '../report.js';
import type { Terminal } from '../terminal.js';
import { type CommandContext, connectEntry } from './context.js';

export interface CheckOptions {
  readonly searchMultipleOwners: boolean;
  /** Draw the slots, also where nobody watches. */
  readonly map: boolean;
}

/** `trib check`: the summary, whether the whole cluster is as it should be, and if not, why and what mends it. */
export async function check(context: CommandContext, address: Address, options: CheckOptions): Promise<number> {
  const entry = await connectEntry(context, address);
  if (entry === undefined) return 1;
  const { terminal, connector } = context;
  const cluster = await loadCluster(entry, connector);
  await printSummary(terminal, cluster);
  const healthy = await printCheck(terminal, cluster);
  if (options.searchMultipleOwners) {
    terminal.print('>>> Check for multiple slot owners...');
    const slots = (await findStrayKeys(cluster)).flatMap((stray) => stray.slots);
    for (const [slot, holders] of await surveySlots(cluster, slots)) {
      const owners = holders.filter(({ owns, keys }) => owns || keys > 0);
      terminal.print(`[WARNING] Slot ${slot} has ${owners.length} owners:`, ...owners.map(({ name }) => `    ${name}`));
    }
    if (slots.length === 0) terminal.print('[OK] No multiple owners found.');
  }
  if (options.map || terminal.isInteractive) printSlotMap(terminal, cluster);
  const findings = findProblems(await gatherEvidence(cluster, connector, systemClock.nowMs));
  printFindings(terminal, findings);
  return healthy && findings.every(({ severity }) => severity === 'warning') ? 0 : 1;
}

function printFindings(terminal: Terminal, findings: readonly Explanation[]): void {
  terminal.report({ findings });
  if (findings.length === 0) return;
  terminal.print('>>> What is wrong, and what mends it');
  for (const { severity, message, advice } of findings) {
    terminal.print(`${severity === 'error' ? '[ERR]' : '[WARNING]'} ${message}`);
    terminal.print(...advice.map((line) => `      ${line}`));
  }
}
