/**
 * How a line becomes words, for inline requests, redis.conf and the command line. Lines and words hold one character a
 * byte (latin1).
 *
 *   "..."  may hold \n \r \t \b \a \xHH and \c for any other c     '...'  may hold \' only
 *
 * A closing quote must end the word; an opening one may stand inside it.
 */

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', a: '\x07' };
const NAMES: Readonly<Record<string, string>> = { '\n': 'n', '\r': 'r', '\t': 't', '\b': 'b', '\x07': 'a' };

/** The words of a line; undefined when its quotes are not balanced. */
export function splitArgs(line: string): string[] | undefined {
  const nul = line.indexOf('\0');
  const end = nul < 0 ? line.length : nul;
  const words: string[] = [];
  let at = 0;
  for (;;) {
    while (at < end && isSpace(line.charCodeAt(at))) at++;
    if (at === end) return words;
    let word = '';
    while (at < end && !isWordEnd(line.charCodeAt(at))) {
      const c = line[at];
      if (c !== '"' && c !== "'") {
        word += c;
        at++;
        continue;
      }
      const close = closingQuote(line, at, end);
      if (close < 0) return undefined;
      word += c === '"' ? resolveEscapes(line.slice(at + 1, close)) : line.slice(at + 1, close).replaceAll("\\'", "'");
      at = close + 1;
      break;
    }
    words.push(word);
  }
}

/** The text in double quotes, escaped so that {@link splitArgs} gives it back. */
export function quoteArg(text: string): string {
  let quoted = '"';
  for (const c of text) {
    const code = c.charCodeAt(0);
    if (c === '"' || c === '\\') quoted += `\\${c}`;
    else if (NAMES[c] !== undefined) quoted += `\\${NAMES[c]}`;
    else quoted += code >= 0x20 && code < 0x7f ? c : `\\x${code.toString(16).padStart(2, '0')}`;
  }
  return `${quoted}"`;
}

/** Where the quote opened at `open` closes; -1 when it does not, or when it closes in the middle of a word. */
function closingQuote(line: string, open: number, end: number): number {
  const quote = line[open];
  for (let i = open + 1; i < end; i++) {
    const c = line[i];
    if (c === '\\' && i + 1 < end && (quote === '"' || line[i + 1] === "'")) i++;
    else if (c === quote) return i + 1 === end || isSpace(line.charCodeAt(i + 1)) ? i : -1;
  }
  return -1;
}

function resolveEscapes(text: string): string {
  if (!text.includes('\\')) return text;
  return text.replace(/\\(?:x([0-9a-fA-F]{2})|([\s\S]))/g, (_, hex: string | undefined, c: string) =>
    hex === undefined ? (ESCAPES[c] ?? c) : String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

function isSpace(c: number): boolean {
  return c === 0x20 || (c >= 0x09 && c <= 0x0d);
}

/** Vertical tab and form feed separate words but do not end one that has begun. */
function isWordEnd(c: number): boolean {
  return c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09;
}
