import { latin1 } from '../base/bytes.js';

const INITIAL_CAPACITY = 32;

/**
 * The arguments of one request as byte ranges of one buffer: argument i is buf[start[i], end[i]).
 * Reused from request to request, so that parsing makes no garbage; the ranges live as long as `buf` keeps its bytes.
 */
export class ArgVector {
  argc = 0;
  buf: Uint8Array = new Uint8Array(0);
  start: Int32Array = new Int32Array(INITIAL_CAPACITY);
  end: Int32Array = new Int32Array(INITIAL_CAPACITY);

  push(start: number, end: number): void {
    if (this.argc === this.start.length) this.#grow();
    this.start[this.argc] = start;
    this.end[this.argc] = end;
    this.argc++;
  }

  /** The bytes of argument `i`, without a copy: they die with the request. */
  view(i: number): Uint8Array {
    return this.buf.subarray(this.start[i], this.end[i]);
  }

  /** Argument `i` with one character a byte. */
  text(i: number): string {
    return latin1(this.buf, this.start[i], this.end[i]);
  }

  /** The same arguments over a buffer of their own, for what outlives the request (MULTI, blocking). */
  copy(): ArgVector {
    const copy = new ArgVector();
    let bytes = 0;
    for (let i = 0; i < this.argc; i++) bytes += this.end[i] - this.start[i];
    const buf = new Uint8Array(bytes);
    let at = 0;
    for (let i = 0; i < this.argc; i++) {
      buf.set(this.buf.subarray(this.start[i], this.end[i]), at);
      const end = at + this.end[i] - this.start[i];
      copy.push(at, end);
      at = end;
    }
    copy.buf = buf;
    return copy;
  }

  /** Takes over the ranges of `other`, moved by `delta` bytes. The buffer is set by the caller. */
  assignShifted(other: ArgVector, delta: number): void {
    this.argc = 0;
    for (let i = 0; i < other.argc; i++) this.push(other.start[i] + delta, other.end[i] + delta);
  }

  /** Arguments from strings (one character a byte) or bytes. */
  static from(parts: readonly (string | Uint8Array)[]): ArgVector {
    const args = new ArgVector();
    const buffers = parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part));
    args.buf = Buffer.concat(buffers);
    let at = 0;
    for (const part of buffers) {
      args.push(at, at + part.length);
      at += part.length;
    }
    return args;
  }

  #grow(): void {
    const start = new Int32Array(this.start.length * 2);
    const end = new Int32Array(this.end.length * 2);
    start.set(this.start);
    end.set(this.end);
    this.start = start;
    this.end = end;
  }
}
