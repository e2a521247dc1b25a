/** The data of a simulated node: keys by slot, and a digest that two stores share exactly when they hold the same. */

export class Store {
  /** Sum of the hashes of all entries: the order of writes does not matter. */
  digest = 0;
  size = 0;
  readonly #slots = new Map<number, Map<string, string>>();

  set(slot: number, key: string, value: string): void {
    let keys = this.#slots.get(slot);
    if (keys === undefined) {
      keys = new Map();
      this.#slots.set(slot, keys);
    }
    this.delete(slot, key);
    keys.set(key, value);
    this.size++;
    this.digest = (this.digest + hash(key, value)) >>> 0;
  }

  delete(slot: number, key: string): boolean {
    const keys = this.#slots.get(slot);
    const value = keys?.get(key);
    if (keys === undefined || value === undefined) return false;
    keys.delete(key);
    this.size--;
    this.digest = (this.digest - hash(key, value)) >>> 0;
    return true;
  }

  get(slot: number, key: string): string | undefined {
    return this.#slots.get(slot)?.get(key);
  }

  keysOf(slot: number): string[] {
    return [...(this.#slots.get(slot)?.keys() ?? [])];
  }

  countIn(slot: number): number {
    return this.#slots.get(slot)?.size ?? 0;
  }

  /** Slots that hold keys. */
  slots(): number[] {
    return [...this.#slots].filter(([, keys]) => keys.size > 0).map(([slot]) => slot);
  }

  clone(): Store {
    const copy = new Store();
    for (const [slot, keys] of this.#slots) copy.#slots.set(slot, new Map(keys));
    copy.size = this.size;
    copy.digest = this.digest;
    return copy;
  }
}

/** FNV-1a. */
function hash(key: string, value: string): number {
  let h = 0x811c9dc5;
  for (const text of [key, '=', value]) {
    for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  }
  return h >>> 0;
}
