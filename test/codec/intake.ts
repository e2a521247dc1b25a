/**
 * Drives a RequestParser as a connection does: bytes arrive in pieces, what is not a whole request yet is kept, moved to the
 * front of a buffer, and the parser is told. Every buffer is scribbled over once it has been parsed, as the shared read
 * buffer of the server is, so that a request that leans on bytes it should have left behind is found out.
 */
import { ArgVector } from '../../src/resp/argVector.js';
import { EMPTY, INCOMPLETE, PROTOCOL_ERROR, REQUEST, RequestParser } from '../../src/resp/requestParser.js';

export interface IntakeOptions {
  readonly authenticated?: boolean;
  readonly maxBulkBytes?: number;
  /** Called with each request instead of keeping its words; the arguments die when it returns. */
  readonly onRequest?: (args: ArgVector) => void;
}

/** What a stream of bytes came to. */
export interface Taken {
  /** The words of each request, one character a byte. */
  readonly requests: string[][];
  /** The text of the protocol error that ended it. */
  readonly error: string | undefined;
  /** Bytes that belong to a request which is not whole yet. */
  readonly leftBytes: number;
}

export const DEFAULT_MAX_BULK_BYTES = 512 * 1024 * 1024;

export class Intake {
  readonly #parser = new RequestParser();
  readonly #maxBulkBytes: number;
  readonly #onRequest: (args: ArgVector) => void;
  readonly #requests: string[][] = [];
  #args = new ArgVector();
  #kept = Buffer.alloc(0);
  #keptBytes = 0;
  #error: string | undefined;
  /** How often the parser was asked. */
  parses = 0;
  /** Empty requests that were passed over. */
  empty = 0;

  constructor(options: IntakeOptions = {}) {
    this.#parser.authenticated = options.authenticated ?? true;
    this.#maxBulkBytes = options.maxBulkBytes ?? DEFAULT_MAX_BULK_BYTES;
    this.#onRequest = options.onRequest ?? ((args) => this.#requests.push(wordsOf(args)));
  }

  get taken(): Taken {
    return { requests: this.#requests, error: this.#error, leftBytes: this.#keptBytes };
  }

  push(piece: Uint8Array): void {
    if (this.#error !== undefined) return;
    this.#keep(piece);
    if (this.#keptBytes - this.#parser.pos < this.#parser.needBytes) return;
    // A fresh buffer each time, spoilt afterwards: ranges into the old one would show.
    const buf = this.#kept;
    const end = this.#keptBytes;
    const requestStart = this.#parseAll(buf, end);
    if (requestStart === 0) return;
    const rest = buf.subarray(requestStart, end);
    this.#kept = Buffer.from(rest);
    this.#keptBytes = rest.length;
    buf.fill(0xaa);
    if (this.#parser.midRequest) {
      const shifted = new ArgVector();
      shifted.assignShifted(this.#args, -requestStart);
      this.#args = shifted;
    }
    this.#parser.rebase(-requestStart);
  }

  /** Runs the requests in buf[parser.pos, end); answers where the request that is not whole begins. */
  #parseAll(buf: Buffer, end: number): number {
    const parser = this.#parser;
    let requestStart = parser.midRequest ? 0 : parser.pos;
    for (;;) {
      this.parses++;
      const before = parser.pos;
      const result = parser.parse(buf, end, this.#args, this.#maxBulkBytes);
      if (result === INCOMPLETE) return requestStart;
      if (result === PROTOCOL_ERROR) {
        this.#error = parser.error;
        return end;
      }
      if (parser.pos <= before || parser.pos > end) throw new Error(`the parser went from ${before} to ${parser.pos}`);
      requestStart = parser.pos;
      if (result === REQUEST) this.#onRequest(this.#args);
      else if (result === EMPTY) this.empty++;
    }
  }

  #keep(piece: Uint8Array): void {
    const needed = this.#keptBytes + piece.length;
    if (needed > this.#kept.length) {
      const grown = Buffer.alloc(Math.max(needed, this.#kept.length * 2));
      this.#kept.copy(grown, 0, 0, this.#keptBytes);
      this.#kept = grown;
    }
    this.#kept.set(piece, this.#keptBytes);
    this.#keptBytes = needed;
  }
}

export function wordsOf(args: ArgVector): string[] {
  const words: string[] = [];
  for (let i = 0; i < args.argc; i++) words.push(args.text(i));
  return words;
}

/** What the parser makes of the pieces, pushed one after the other. */
export function take(pieces: Iterable<Uint8Array>, options: IntakeOptions = {}): Taken {
  const intake = new Intake(options);
  for (const piece of pieces) intake.push(piece);
  return intake.taken;
}

/** Latin-1 text as bytes. */
export function bytes(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

/** The ways in which a connection may receive the same bytes: whole, byte by byte, and cut in two at every place. */
export function* deliveries(whole: Buffer): Generator<readonly [name: string, pieces: Uint8Array[]]> {
  yield ['whole', [whole]];
  yield ['byte by byte', Array.from(whole, (_, i) => whole.subarray(i, i + 1))];
  for (let at = 1; at < whole.length; at++) {
    yield [`split at ${at}`, [whole.subarray(0, at), whole.subarray(at)]];
  }
}
