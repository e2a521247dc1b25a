/** Where randomness comes from. Seeded, so that a failing test replays from its number. */
export interface Random {
  /** An unsigned 32-bit integer. */
  nextU32(): number;
  /** An integer in [0, bound), 1 <= bound <= 2^32. */
  below(bound: number): number;
  /** A float in [0, 1). */
  nextFloat(): number;
}

/**
 * xoshiro128** by Blackman and Vigna (https://prng.di.unimi.it/xoshiro128starstar.c), state filled by splitmix32.
 * Fast and good enough for sampling and tests; never used for secrets.
 */
export class Prng implements Random {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  constructor(seed: number) {
    let s = seed >>> 0;
    const split = (): number => {
      s = (s + 0x9e3779b9) >>> 0;
      let z = s;
      z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
      z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
      return (z ^ (z >>> 16)) >>> 0;
    };
    this.#a = split();
    this.#b = split();
    this.#c = split();
    this.#d = split() | 1;
  }

  nextU32(): number {
    const x = Math.imul(this.#b, 5);
    const result = Math.imul((x << 7) | (x >>> 25), 9) >>> 0;
    const t = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= t;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return result;
  }

  below(bound: number): number {
    return Math.floor(this.nextFloat() * bound);
  }

  nextFloat(): number {
    return this.nextU32() / 4294967296;
  }
}
