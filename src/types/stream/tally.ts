/**
 * A 64-bit counter of which most changes are small: what was set from outside is a bigint, what was counted since then a
 * number.
 */
export class Tally {
  private base = 0n;
  private counted = 0;

  add(count: number): void {
    this.counted += count;
  }

  set(value: bigint): void {
    this.base = value;
    this.counted = 0;
  }

  copy(other: Tally): void {
    this.base = other.base;
    this.counted = other.counted;
  }

  /** As a signed number, which it becomes beyond 2^63. */
  get value(): bigint {
    return BigInt.asIntN(64, this.base + BigInt(this.counted));
  }

  get isZero(): boolean {
    return this.counted === 0 ? this.base === 0n : this.value === 0n;
  }
}
