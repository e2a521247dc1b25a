/**
 * Reads the commands of an append-only file as its bytes come in, in place.
 *
 *   buf | commands already given | *3 $3 SET $4 na|        free        |
 *       0                        ^                ^filled            buf.length
 *                                +- the command being read
 *
 * The caller asks prepare() for room, reads file bytes to buf[filled...), adds their count to `filled`, and calls next()
 * until it wants MORE. Arguments are ranges of `buf`; they are good until the next call of next() or prepare().
 * The buffer grows to the size of the largest command, and shrinks again behind it.
 *
 * Between two commands there may be annotation lines: `#TS:1628217470\r\n`.
 * Stricter than redis-server, which takes any two bytes for the CRLF behind an argument: a flipped bit shall be found.
 */

export const COMMAND = 0;
export const MORE = 1;
export const BAD = 2;
/** An annotation that tells when what follows was written. Only with `noticingTimestamps`. */
export const TIMESTAMP = 3;

const STAR = 0x2a;
const DOLLAR = 0x24;
const HASH = 0x23;
const CR = 0x0d;
const LF = 0x0a;
const ZERO = 0x30;
const NINE = 0x39;

const ANNOTATION_BYTES_MAX = 1024;
/** Argument ranges are 32-bit offsets. */
const COMMAND_BYTES_MAX = 0x7fff0000;
const HEADER_DIGITS_MAX = 10;
const CHUNK_BYTES = 1024 * 1024;

export interface AofReaderOptions {
  /** What prepare() makes room for. */
  readonly chunkBytes?: number;
  /** The longest argument taken for true, `proto-max-bulk-len`. */
  readonly bulkBytesMax?: number;
  /** For whoever wants to know the time of commands; a server that loads them does not. */
  readonly noticingTimestamps?: boolean;
}

export class AofReader {
  buf: Buffer;
  /** Offset behind the last byte that came in. */
  filled = 0;
  /** Where the arguments of the command begin and end in `buf`. */
  start = new Int32Array(64);
  end = new Int32Array(64);
  argc = 0;

  /** After COMMAND: file offset of its first byte. */
  commandAt = 0;
  /** File offset behind the last whole command or annotation. */
  validUpTo = 0;
  /** After MORE: this many bytes at least are missing. */
  bytesNeeded = 1;
  /** After BAD: what was found, and at which file offset. */
  problem = '';
  problemAt = 0;
  /** After TIMESTAMP: seconds since the epoch, and where the annotation begins. */
  timestamp = 0;
  timestampAt = 0;

  private readonly noticingTimestamps: boolean;
  private readonly chunkBytes: number;
  private readonly bulkBytesMax: number;
  /** File offset of buf[0]. */
  private origin = 0;
  /** Next byte to look at. */
  private pos = 0;
  private commandStart = 0;
  /** Arguments that the command announced; 0 between commands. */
  private announced = 0;
  private index = 0;
  /** Of the argument being read; -1 while its header is missing. */
  private bulkLength = -1;

  constructor(options: AofReaderOptions = {}) {
    this.chunkBytes = options.chunkBytes ?? CHUNK_BYTES;
    this.bulkBytesMax = options.bulkBytesMax ?? 512 * 1024 * 1024;
    this.noticingTimestamps = options.noticingTimestamps ?? false;
    this.buf = Buffer.allocUnsafeSlow(this.chunkBytes);
  }

  /** True when the bytes so far end inside of a command or an annotation. */
  get isInside(): boolean {
    return this.announced > 0 || this.pos < this.filled;
  }

  /** File offset of the first byte that did not come in yet. */
  get readUpTo(): number {
    return this.origin + this.filled;
  }

  /** File offset of what is read next. */
  get offset(): number {
    return this.origin + this.pos;
  }

  /** Line ends that were read of the command in which the bytes so far end. */
  get linesInside(): number {
    if (this.announced === 0) return 0;
    return 1 + 2 * this.index + (this.bulkLength >= 0 ? 1 : 0);
  }

  /** The length of the argument whose bytes did not all come in; -1 when its header is missing, or all is whole. */
  get argumentBytes(): number {
    return this.announced === 0 ? -1 : this.bulkLength;
  }

  /** Reads the next command: COMMAND, MORE or BAD, or TIMESTAMP. */
  next(): number {
    if (this.announced === 0) {
      const outcome = this.readCommandHeader();
      if (outcome !== COMMAND) return outcome;
    }
    while (this.index < this.announced) {
      const outcome = this.readArgument();
      if (outcome !== COMMAND) return outcome;
    }
    this.argc = this.announced;
    this.commandAt = this.origin + this.commandStart;
    this.announced = 0;
    this.validUpTo = this.origin + this.pos;
    return COMMAND;
  }

  /** Makes room behind `filled` for what is needed and more, but for no more than `fileBytesLeft`. */
  prepare(fileBytesLeft: number): void {
    const keepFrom = this.announced > 0 ? this.commandStart : this.pos;
    const kept = this.filled - keepFrom;
    const needed = Math.max(this.bytesNeeded, Math.min(fileBytesLeft, this.chunkBytes >> 2));
    let capacity = this.buf.length;
    if (kept + needed > capacity) capacity = Math.max(kept + needed, Math.min(capacity * 2, kept + fileBytesLeft));
    else if (capacity > this.chunkBytes * 8 && kept + needed <= this.chunkBytes) capacity = this.chunkBytes;
    if (capacity === this.buf.length) {
      if (this.buf.length - this.filled >= needed) return;
      this.buf.copyWithin(0, keepFrom, this.filled);
    } else {
      const moved = Buffer.allocUnsafeSlow(capacity);
      this.buf.copy(moved, 0, keepFrom, this.filled);
      this.buf = moved;
    }
    this.shift(keepFrom);
  }

  /** Forgets everything: another file follows, of which commands begin at the given offset. */
  reset(fileOffset = 0): void {
    this.filled = 0;
    this.argc = 0;
    this.commandAt = fileOffset;
    this.validUpTo = fileOffset;
    this.bytesNeeded = 1;
    this.problem = '';
    this.problemAt = 0;
    this.origin = fileOffset;
    this.pos = 0;
    this.commandStart = 0;
    this.announced = 0;
    this.index = 0;
    this.bulkLength = -1;
  }

  /** Skips annotations and reads `*argc\r\n`. */
  private readCommandHeader(): number {
    while (this.pos < this.filled && this.buf[this.pos] === HASH) {
      const newline = this.buf.indexOf(LF, this.pos);
      if (newline < 0 || newline >= this.filled) {
        if (this.filled - this.pos > ANNOTATION_BYTES_MAX) return this.bad(this.pos, 'annotation line too long');
        return this.more(1);
      }
      const line = this.pos;
      this.pos = newline + 1;
      this.validUpTo = this.origin + this.pos;
      if (this.noticingTimestamps && this.isTimestamp(line, newline)) return TIMESTAMP;
    }
    this.commandStart = this.pos;
    const argc = this.readHeader(STAR);
    if (argc < 0) return -argc;
    if (argc === 0) return this.bad(this.commandStart, 'command without arguments');
    this.announced = argc;
    this.index = 0;
    this.bulkLength = -1;
    return COMMAND;
  }

  /** Whether the line is `#TS:seconds`; takes note of the time. */
  private isTimestamp(at: number, newline: number): boolean {
    const seconds = /^#TS:(\d{1,15})\r?$/.exec(this.buf.toString('latin1', at, newline))?.[1];
    if (seconds === undefined) return false;
    this.timestamp = Number(seconds);
    this.timestampAt = this.origin + at;
    return true;
  }

  /** Reads `$length\r\n`, the bytes and `\r\n`. */
  private readArgument(): number {
    if (this.bulkLength < 0) {
      const length = this.readHeader(DOLLAR);
      if (length < 0) return -length;
      if (length > this.bulkBytesMax || this.pos - this.commandStart + length > COMMAND_BYTES_MAX) {
        return this.bad(this.pos, `argument of ${length} bytes is too long`);
      }
      this.bulkLength = length;
    }
    const end = this.pos + this.bulkLength;
    if (end + 2 > this.filled) return this.more(end + 2 - this.filled);
    if (this.buf[end] !== CR) return this.bad(end, `expected CR behind the argument, got ${name(this.buf[end])}`);
    if (this.buf[end + 1] !== LF) {
      return this.bad(end + 1, `expected LF behind the argument, got ${name(this.buf[end + 1])}`);
    }
    if (this.index === this.start.length) this.growRanges();
    this.start[this.index] = this.pos;
    this.end[this.index] = end;
    this.index++;
    this.pos = end + 2;
    this.bulkLength = -1;
    return COMMAND;
  }

  /** The number in `kind` number `\r\n`, and moves behind it; or -MORE or -BAD, and does not move. */
  private readHeader(kind: number): number {
    const buf = this.buf;
    const filled = this.filled;
    let at = this.pos;
    if (at === filled) return -this.more(1);
    if (buf[at] !== kind) return -this.bad(at, `expected '${String.fromCharCode(kind)}', got ${name(buf[at])}`);
    let value = 0;
    let c = 0;
    const digitsAt = ++at;
    for (; at < filled; at++) {
      c = buf[at];
      if (c < ZERO || c > NINE) break;
      if (at - digitsAt === HEADER_DIGITS_MAX) return -this.bad(digitsAt, 'number too large');
      value = value * 10 + (c - ZERO);
    }
    if (at === filled) return -this.more(1);
    if (at === digitsAt) return -this.bad(at, `expected a digit, got ${name(c)}`);
    if (c !== CR) return -this.bad(at, `expected a digit or CR, got ${name(c)}`);
    if (at + 1 === filled) return -this.more(1);
    if (buf[at + 1] !== LF) return -this.bad(at + 1, `expected LF, got ${name(buf[at + 1])}`);
    if (value > COMMAND_BYTES_MAX) return -this.bad(digitsAt, 'number too large');
    this.pos = at + 2;
    return value;
  }

  private more(bytes: number): number {
    this.bytesNeeded = bytes;
    return MORE;
  }

  private bad(at: number, problem: string): number {
    this.problem = problem;
    this.problemAt = this.origin + at;
    return BAD;
  }

  /** Everything moved to the front by `by` bytes. */
  private shift(by: number): void {
    this.origin += by;
    this.pos -= by;
    this.filled -= by;
    this.commandStart -= by;
    if (this.announced === 0) return;
    for (let i = 0; i < this.index; i++) {
      this.start[i] -= by;
      this.end[i] -= by;
    }
  }

  private growRanges(): void {
    const start = new Int32Array(this.start.length * 2);
    const end = new Int32Array(start.length);
    start.set(this.start);
    end.set(this.end);
    this.start = start;
    this.end = end;
  }
}

/** A byte for a person to read. */
function name(byte: number): string {
  if (byte > 0x20 && byte < 0x7f) return `'${String.fromCharCode(byte)}'`;
  return `'\\x${byte.toString(16).padStart(2, '0')}'`;
}
