/** What many runs come to, as a table. */
import type { Counts } from './checks.js';
import type { Result } from './simulation.js';

export class Table {
  violations = 0;
  readonly #rows = new Map<string, number>();
  #runs = 0;

  add(result: Result): void {
    this.#runs++;
    if (result.violation !== undefined) this.violations++;
    for (const [name, count] of result.faults) this.#sum(`fault: ${name}`, count);
    const { counts, moves } = result;
    this.#sum('elections won', counts.elections);
    this.#sum('manual failovers', counts.manualFailovers);
    this.#sum('takeovers and forced failovers', counts.takeovers);
    this.#sum('votes', counts.votes);
    this.#sum('votes refused', counts.refusals);
    this.#sum('replica migrations', counts.replicaMigrations);
    this.#sum('slots moved', moves.slotsMoved);
    this.#sum('slots left in the middle', moves.slotsLeftOpen);
    this.#sum('nodes added', moves.nodesAdded);
    this.#sum('nodes taken out', moves.nodesForgotten);
    this.#sum('full resynchronizations', result.fullSyncs);
    this.#sum('partial resynchronizations', result.partialSyncs);
    this.#sum('messages', result.messages);
    this.#sum('acknowledged writes', result.acknowledged);
    for (const reason of ['failover', 'minority', 'takeover', 'crash', 'racing'] as const) {
      this.#sum(`lost, allowed: ${reason}`, result.lost.get(reason) ?? 0);
    }
    this.#largest('oldest write that a winner had not got, ms', counts, 'missedMs');
    this.#largest('longest without a majority before a write, ms', counts, 'isolatedMs');
    this.#largest('longest that two served one slot, ms', counts, 'overlapMs');
    this.#max('longest until all agreed, ms', result.healedMs);
  }

  #sum(name: string, count: number): void {
    this.#rows.set(name, (this.#rows.get(name) ?? 0) + count);
  }

  #largest(name: string, counts: Counts, field: keyof Counts): void {
    this.#max(name, counts[field]);
  }

  #max(name: string, value: number): void {
    this.#rows.set(name, Math.max(this.#rows.get(name) ?? 0, value));
  }

  toString(): string {
    const rows = [['runs', this.#runs] as const, ...this.#rows, ['VIOLATIONS', this.violations] as const];
    const width = Math.max(...rows.map(([name]) => name.length));
    return rows.map(([name, count]) => `${name.padEnd(width)} ${String(count).padStart(12)}`).join('\n');
  }
}
