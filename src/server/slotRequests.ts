/** Requests of the source of an atomic move to its target, as bytes that are handed over with the memory they are in. */
import { RdbOutput } from '../persistence/format/rdbOutput.js';

export class SlotRequests {
  #out = new RdbOutput();
  /** How many requests there are, each of which gets an answer. */
  count = 0;

  get length(): number {
    return this.#out.length;
  }

  /** For what is written piece by piece; another one after each {@link take}. */
  get output(): RdbOutput {
    return this.#out;
  }

  add(parts: readonly (string | Uint8Array)[]): void {
    this.#text(`*${parts.length}\r\n`);
    for (const part of parts) this.#bulk(part);
    this.count++;
  }

  /** The head of a RESTORE that takes the place of what the target has; `payloadBytes` bytes and {@link endRestore} follow. */
  beginRestore(key: Uint8Array, expireAtMs: string, payloadBytes: number): RdbOutput {
    this.#text('*6\r\n$14\r\nRESTORE-ASKING\r\n');
    this.#bulk(key);
    this.#bulk(expireAtMs);
    this.#text(`$${payloadBytes}\r\n`);
    return this.#out;
  }

  endRestore(): void {
    this.#text('\r\n$7\r\nREPLACE\r\n$6\r\nABSTTL\r\n');
    this.count++;
  }

  /** What was written so far, which is the caller's now. */
  take(): Buffer {
    const { buf, length } = this.#out;
    this.#out = new RdbOutput();
    return buf.subarray(0, length);
  }

  #bulk(value: string | Uint8Array): void {
    const bytes = typeof value === 'string' ? Buffer.from(value, 'latin1') : value;
    this.#text(`$${bytes.length}\r\n`);
    this.#out.bytes(bytes, 0, bytes.length);
    this.#text('\r\n');
  }

  #text(text: string): void {
    const bytes = Buffer.from(text, 'latin1');
    this.#out.bytes(bytes, 0, bytes.length);
  }
}
