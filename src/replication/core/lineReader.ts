/** Cuts what a master says before its stream begins into lines. */

import { latin1 } from '../../base/bytes.js';

/** No line of the protocol is longer. */
const LINE_MAX_BYTES = 64 * 1024;

export class LineReader {
  #kept = '';

  /**
   * buf[from, to) came in. Calls `line` for each whole line, one character a byte, until it answers false; then answers
   * where the rest begins.
   */
  push(buf: Uint8Array, from: number, to: number, line: (text: string) => boolean): number {
    while (from < to) {
      const newline = buf.indexOf(0x0a, from);
      const end = newline < 0 || newline >= to ? to : newline;
      this.#kept += latin1(buf, from, end);
      if (end === to) return to;
      from = end + 1;
      const text = this.#kept.endsWith('\r') ? this.#kept.slice(0, -1) : this.#kept;
      this.#kept = '';
      if (!line(text)) return from;
    }
    return from;
  }

  /** More without an end than any line has: this is no master. */
  get isTooLong(): boolean {
    return this.#kept.length > LINE_MAX_BYTES;
  }
}
