/**
 * The bytes of an RDB file as they come in from a socket, kept until whoever reads them is past the key that they are of:
 *
 *   forgotten |   chunks   | not come yet
 *             start        end
 */

/** Whoever brings the bytes should stop for a while when so many have not been read. */
const FULL_BYTES = 4 * 1024 * 1024;

export class RdbFeed {
  /** How many there will be; 0 when nobody has said. */
  readonly totalBytes: number;
  /** No more will come. */
  isEnded = false;
  /** Why the rest will never come. */
  problem: string | undefined;
  /** There is room again. */
  onHungry: () => void = () => undefined;
  #start = 0;
  #end = 0;
  readonly #chunks: Buffer[] = [];
  /** Waited for: more than lies up to here. */
  #wantedEnd = 0;
  #wake: (() => void) | undefined;

  constructor(totalBytes: number) {
    this.totalBytes = totalBytes;
  }

  /** File offset up to which bytes have come. */
  get endAt(): number {
    return this.#end;
  }

  get isFull(): boolean {
    return this.#end - this.#start >= FULL_BYTES && this.#end >= this.#wantedEnd;
  }

  /** The bytes are copied. */
  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#chunks.push(Buffer.from(bytes));
    this.#end += bytes.length;
    if (this.#end >= this.#wantedEnd) this.#wakeUp();
  }

  end(): void {
    this.isEnded = true;
    this.#wakeUp();
  }

  abort(problem: string): void {
    this.problem ??= problem;
    this.end();
  }

  /** Resolves when at least twice as much lies behind `from` as does now, or the end has come: so a large value is begun a few times at most. */
  async more(from: number): Promise<void> {
    if (this.isEnded) return;
    this.#wantedEnd = Math.max(this.#end + 1, from + 2 * (this.#end - from));
    this.onHungry();
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }

  /** Resolves when no more will come. */
  async untilEnd(): Promise<void> {
    while (!this.isEnded) {
      this.forget(this.#end);
      await this.more(this.#end);
    }
  }

  #wakeUp(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  /** Copies file bytes from `position` on to buf[offset, offset + length); answers how many. */
  readonly read = (buf: Uint8Array, offset: number, length: number, position: number): number => {
    let chunkAt = this.#start;
    for (const chunk of this.#chunks) {
      const from = position - chunkAt;
      if (from < chunk.length) return chunk.copy(buf, offset, from, from + length);
      chunkAt += chunk.length;
    }
    return 0;
  };

  /** Nobody goes back before this file offset. */
  forget(upTo: number): void {
    const wasFull = this.isFull;
    let count = 0;
    for (const chunk of this.#chunks) {
      if (this.#start + chunk.length > upTo) break;
      this.#start += chunk.length;
      count++;
    }
    this.#chunks.splice(0, count);
    if (wasFull && !this.isFull) this.onHungry();
  }

  /** Calls back with each range of what is kept between two file offsets. */
  ranges(from: number, to: number, take: (buf: Uint8Array, start: number, end: number) => void): void {
    let chunkAt = this.#start;
    for (const chunk of this.#chunks) {
      const start = Math.max(0, from - chunkAt);
      const end = Math.min(chunk.length, to - chunkAt);
      if (start < end) take(chunk, start, end);
      chunkAt += chunk.length;
    }
  }
}
