/**
 * The elements of an RDB file that is still coming in. What has not come cannot be waited for inside a value, so there reading fails, and begins
 * again at the start of the key when there is more: {@link RdbFileInput.rewind}. The sum is kept of what nobody goes back to.
 */
import { Crc64 } from '../../base/crc64.js';
import type { RdbFeed } from './rdbFeed.js';
import { RDB_CRC_BYTES } from './rdbFileFormat.js';
import { RdbFileInput } from './rdbFileInput.js';

export interface RdbStreamInputOptions {
  readonly summing: boolean;
  readonly chunkBytes?: number;
}

/** What a stream of unknown length is believed to hold when it announces keys: 16 Mi of the smallest. */
const BELIEVED_BYTES = 48 * 1024 * 1024;

export class RdbStreamInput extends RdbFileInput {
  readonly #feed: RdbFeed;
  readonly #sum: Crc64 | undefined;
  #summedTo = 0;
  #markedAt = 0;

  constructor(feed: RdbFeed, { summing, chunkBytes }: RdbStreamInputOptions) {
    super({
      readBytes: feed.read,
      sizeBytes: feed.endAt,
      summing: false,
      ...(chunkBytes === undefined ? {} : { chunkBytes }),
    });
    this.#feed = feed;
    this.#sum = summing ? new Crc64() : undefined;
  }

  override get ahead(): number {
    const { totalBytes } = this.#feed;
    return totalBytes === 0 ? BELIEVED_BYTES : Math.max(0, totalBytes - this.offset);
  }

  /** Where the key begins that is being read. */
  get markedAt(): number {
    return this.#markedAt;
  }

  /** Takes notice of what has come, and forgets what was read. Between two keys. */
  goOn(): void {
    this.sizeBytes = this.#feed.endAt;
    this.#sumTo(this.#markedAt);
    this.#feed.forget(this.#markedAt);
  }

  override mark(): void {
    this.#markedAt = this.offset;
  }

  override rewind(): boolean {
    if (!this.isShort || this.#feed.isEnded) return false;
    this.restart(this.#markedAt);
    return true;
  }

  protected override sumBefore(at: number): Buffer | undefined {
    if (this.#sum === undefined) return undefined;
    this.#sumTo(at);
    const sum = Buffer.alloc(RDB_CRC_BYTES);
    this.#sum.write(sum, 0);
    return sum;
  }

  #sumTo(at: number): void {
    if (at <= this.#summedTo) return;
    this.#feed.ranges(this.#summedTo, at, (buf, start, end) => this.#sum?.update(buf, start, end));
    this.#summedTo = at;
  }
}
