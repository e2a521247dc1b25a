import { createHash } from 'node:crypto';
import type { ByteView } from '../../../store/types.js';

const BYTES = 20;

/** A SHA-1 digest that is put together piece by piece, in an order that matters or one that does not. */
export class Digest {
  readonly #bytes = new Uint8Array(BYTES);

  /** Adds data whose place among the rest means nothing. */
  add(data: Uint8Array): void {
    this.#xor(sha1(data));
  }

  /** The same with another digest. */
  addDigest(other: Digest): void {
    this.#xor(sha1(other.#bytes));
  }

  /** Adds data that follows what has been added so far. */
  append(data: Uint8Array): void {
    this.add(data);
    this.#bytes.set(sha1(this.#bytes));
  }

  hex(): string {
    return Buffer.from(this.#bytes).toString('hex');
  }

  #xor(hash: Uint8Array): void {
    for (let i = 0; i < BYTES; i++) this.#bytes[i] ^= hash[i];
  }
}

/** The bytes that a view shows, as long as it lives. */
export function viewed({ buf, start, end }: ByteView): Uint8Array {
  return buf.subarray(start, end);
}

function sha1(data: Uint8Array): Uint8Array {
  return createHash('sha1').update(data).digest();
}
