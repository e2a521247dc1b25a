/** Cuts a stream of replies into one text a reply, bytes as they came. */
export class ReplySplitter {
  #text = '';

  /** The whole replies that have come with this piece. */
  push(piece: Buffer): string[] {
    this.#text += piece.toString('latin1');
    const replies: string[] = [];
    let at = 0;
    for (let end = this.#end(at); end !== undefined; end = this.#end(at)) {
      replies.push(this.#text.slice(at, end));
      at = end;
    }
    this.#text = this.#text.slice(at);
    return replies;
  }

  /** Where the reply that begins at `at` ends; undefined when it is not whole. */
  #end(at: number): number | undefined {
    const lineEnd = this.#text.indexOf('\r\n', at);
    if (lineEnd < 0) return undefined;
    const next = lineEnd + 2;
    const count = Number(this.#text.slice(at + 1, lineEnd));
    switch (this.#text[at]) {
      case '$':
      case '=':
        if (count < 0) return next;
        return next + count + 2 <= this.#text.length ? next + count + 2 : undefined;
      case '*':
      case '~':
      case '>':
        return this.#elements(next, count);
      case '%':
        return this.#elements(next, count * 2);
      default:
        return next;
    }
  }

  #elements(at: number, count: number): number | undefined {
    let end: number | undefined = at;
    for (let i = 0; i < count && end !== undefined; i++) end = this.#end(end);
    return end;
  }
}
