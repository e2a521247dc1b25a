/** redis-cli's quoting: how arguments are written on a line, and how bytes are shown. Text is latin1. */

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', a: '\x07', b: '\b' };

/** Bytes in double quotes, with redis-cli's escapes. */
export function quote(text: string): string {
  let out = '"';
  for (const char of text) {
    const code = char.charCodeAt(0);
    if (char === '"' || char === '\\') out += `\\${char}`;
    else if (char === '\n') out += '\\n';
    else if (char === '\r') out += '\\r';
    else if (char === '\t') out += '\\t';
    else if (code === 7) out += '\\a';
    else if (code === 8) out += '\\b';
    else if (code < 32 || code > 126) out += `\\x${code.toString(16).padStart(2, '0')}`;
    else out += char;
  }
  return `${out}"`;
}

/** Reads the escape after the backslash at `at`: its bytes and where it ends. */
function readEscape(line: string, at: number): [text: string, end: number] {
  const hex = /^x([0-9a-fA-F]{2})/.exec(line.slice(at + 1, at + 4));
  if (hex !== null) return [String.fromCharCode(Number.parseInt(hex[1] as string, 16)), at + 4];
  const char = line[at + 1] ?? '';
  return [ESCAPES[char] ?? char, at + 2];
}

/** Reads the double-quoted text that starts at `at`: its bytes and the index after the closing quote. */
export function readQuoted(line: string, at: number): [text: string, end: number] {
  let text = '';
  let i = at + 1;
  while (line[i] !== '"') {
    if (i >= line.length) throw new Error(`unbalanced quotes: ${line}`);
    if (line[i] === '\\') {
      const [char, end] = readEscape(line, i);
      text += char;
      i = end;
    } else {
      text += line[i++];
    }
  }
  return [text, i + 1];
}

/** The bytes of a line in which only the escapes are special (`\r\n`, `\x00`). */
export function unescapeLine(line: string): string {
  let text = '';
  for (let i = 0; i < line.length; ) {
    if (line[i] === '\\') {
      const [char, end] = readEscape(line, i);
      text += char;
      i = end;
    } else {
      text += line[i++];
    }
  }
  return text;
}

/** Splits a line into arguments: blanks separate, "..." knows escapes, '...' only \'. */
export function splitArgs(line: string): string[] {
  const args: string[] = [];
  let i = 0;
  for (;;) {
    while (line[i] === ' ') i++;
    if (i >= line.length) return args;
    let arg = '';
    while (i < line.length && line[i] !== ' ') {
      if (line[i] === '"') {
        const [text, end] = readQuoted(line, i);
        arg += text;
        i = end;
      } else if (line[i] === "'") {
        for (i++; line[i] !== "'"; i++) {
          if (i >= line.length) throw new Error(`unbalanced quotes: ${line}`);
          if (line[i] === '\\' && line[i + 1] === "'") i++;
          arg += line[i];
        }
        i++;
      } else {
        arg += line[i++];
      }
    }
    args.push(arg);
  }
}
