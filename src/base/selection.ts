/**
 * Choosing some of many in one walk over them (Knuth's algorithm S): each subset of the wanted size is as likely as any
 * other, nothing is remembered but two numbers, and what is chosen comes in the order of the walk.
 */
import type { Random } from './prng.js';

export class Selection {
  private wanted = 0;
  private ahead = 0;

  /** Begins a walk over `total` things of which `wanted` are to be chosen. */
  begin(wanted: number, total: number): this {
    this.wanted = wanted;
    this.ahead = total;
    return this;
  }

  /** Whether the next thing of the walk is chosen. To be asked once for each, in turn. */
  takes(random: Random): boolean {
    if (this.wanted === 0) return false;
    const taken = this.wanted >= this.ahead || random.below(this.ahead) < this.wanted;
    this.ahead--;
    if (taken) this.wanted--;
    return taken;
  }
}
