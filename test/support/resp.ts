/**
 * RESP2 and RESP3 as a client sees them, with every type kept apart.
 *
 * The tests have a decoder of their own, because they must see what ordinary clients hide: a null bulk is not a null
 * array, an integer is not a bulk of digits, a set is not an array. All text is latin1: one character per byte.
 */

export type Reply =
  | { readonly type: 'simple' | 'error' | 'bulk' | 'integer' | 'double' | 'bignum'; readonly text: string }
  | { readonly type: 'verbatim'; readonly format: string; readonly text: string }
  | { readonly type: 'boolean'; readonly value: boolean }
  /** RESP3's null, RESP2's null bulk and RESP2's null array. */
  | { readonly type: 'null' | 'nil' | 'nil-array' }
  | { readonly type: 'array' | 'set' | 'push'; readonly items: readonly Reply[] }
  | { readonly type: 'map' | 'attribute'; readonly entries: readonly (readonly [Reply, Reply])[] };

/** A request as an array of bulks. */
export function encodeRequest(args: readonly string[]): Buffer {
  let text = `*${args.length}\r\n`;
  for (const arg of args) text += `$${arg.length}\r\n${arg}\r\n`;
  return Buffer.from(text, 'latin1');
}

/** Thrown when the bytes are not RESP at all. */
export class MalformedReply extends Error {}

/** Bytes in, replies out, whatever the pieces they arrive in. */
export class ReplyDecoder {
  #bytes = Buffer.alloc(0);
  #pieces: Buffer[] = [];
  #piecesLength = 0;
  /** Parsing is not worth a try before this many bytes are there: keeps a huge bulk in small pieces linear. */
  #wanted = 1;
  #at = 0;

  push(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#piecesLength += piece.length;
  }

  /** The next whole reply, or undefined when more bytes are needed. */
  next(): Reply | undefined {
    if (this.#bytes.length + this.#piecesLength < this.#wanted) return undefined;
    if (this.#piecesLength > 0) {
      this.#bytes = Buffer.concat([this.#bytes, ...this.#pieces]);
      this.#pieces = [];
      this.#piecesLength = 0;
    }
    this.#at = 0;
    this.#wanted = this.#bytes.length + 1;
    const reply = this.#value();
    if (reply === undefined) return undefined;
    this.#bytes = this.#bytes.subarray(this.#at);
    this.#wanted = 1;
    return reply;
  }

  #line(): string | undefined {
    const end = this.#bytes.indexOf('\r\n', this.#at, 'latin1');
    if (end < 0) return undefined;
    const line = this.#bytes.toString('latin1', this.#at, end);
    this.#at = end + 2;
    return line;
  }

  #value(): Reply | undefined {
    const line = this.#line();
    if (line === undefined) return undefined;
    const rest = line.slice(1);
    switch (line[0]) {
      case '+':
        return { type: 'simple', text: rest };
      case '-':
        return { type: 'error', text: rest };
      case ':':
        return { type: 'integer', text: rest };
      case ',':
        return { type: 'double', text: rest };
      case '(':
        return { type: 'bignum', text: rest };
      case '#':
        return { type: 'boolean', value: rest === 't' };
      case '_':
        return { type: 'null' };
      case '$':
        return this.#bulk(rest, 'bulk');
      case '!':
        return this.#bulk(rest, 'error');
      case '=':
        return this.#bulk(rest, 'verbatim');
      case '*':
        return this.#items(rest, 'array');
      case '~':
        return this.#items(rest, 'set');
      case '>':
        return this.#items(rest, 'push');
      case '%':
        return this.#entries(rest, 'map');
      case '|':
        return this.#entries(rest, 'attribute');
      default:
        throw new MalformedReply(`not a reply: ${JSON.stringify(line.slice(0, 80))}`);
    }
  }

  #bulk(count: string, type: 'bulk' | 'error' | 'verbatim'): Reply | undefined {
    if (count === '-1') return { type: 'nil' };
    const length = parseCount(count);
    if (this.#bytes.length < this.#at + length + 2) {
      this.#wanted = this.#at + length + 2;
      return undefined;
    }
    const text = this.#bytes.toString('latin1', this.#at, this.#at + length);
    this.#at += length;
    if (this.#bytes[this.#at] !== 13 || this.#bytes[this.#at + 1] !== 10) {
      throw new MalformedReply(`a bulk of ${length} bytes does not end with CR LF`);
    }
    this.#at += 2;
    if (type !== 'verbatim') return { type, text };
    return { type, format: text.slice(0, 3), text: text.slice(4) };
  }

  #items(count: string, type: 'array' | 'set' | 'push'): Reply | undefined {
    if (count === '-1') return { type: 'nil-array' };
    const length = parseCount(count);
    const items: Reply[] = [];
    for (let i = 0; i < length; i++) {
      const item = this.#value();
      if (item === undefined) return undefined;
      items.push(item);
    }
    return { type, items };
  }

  #entries(count: string, type: 'map' | 'attribute'): Reply | undefined {
    const length = parseCount(count);
    const entries: [Reply, Reply][] = [];
    for (let i = 0; i < length; i++) {
      const key = this.#value();
      if (key === undefined) return undefined;
      const value = this.#value();
      if (value === undefined) return undefined;
      entries.push([key, value]);
    }
    return { type, entries };
  }
}

function parseCount(text: string): number {
  if (!/^\d+$/.test(text)) throw new MalformedReply(`not a count: ${JSON.stringify(text)}`);
  return Number(text);
}
