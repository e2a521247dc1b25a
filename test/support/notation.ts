/**
 * How replies are written in the specs. Every RESP type has a form of its own:
 *
 *     +OK                 simple string          (nil)           RESP2 null bulk
 *     -ERR syntax error   error                  (nil array)     RESP2 null array
 *     :1                  integer                (null)          RESP3 null
 *     "a\r\n"             bulk                   (true) (false)  booleans
 *     [:1, "a"]           array                  (double 1.5)
 *     set["a", "b"]       set                    (big 12345)
 *     push["a", :1]       push                   (verbatim txt "...")
 *     { "a" => :1 }       map                    attr{ ... }
 *     <bulk 70000 sha1>   a bulk of over 300 bytes, by length and hash
 *
 * and what a wait may end with instead: (closed), (timeout). Short aggregates stay on one line, longer ones get a line
 * for each element. What may stand for a reply that differs from run to run is told in pattern.ts.
 */
import { createHash } from 'node:crypto';
import { quote } from './quoting.js';
import type { Outcome } from './rawclient.js';
import type { Reply } from './resp.js';

const LINE_WIDTH = 110;
const LONGEST_BULK = 300;

export function formatOutcome(outcome: Outcome): string {
  if (outcome.type === 'closed' || outcome.type === 'timeout') return `(${outcome.type})`;
  return formatReply(outcome);
}

export function formatReply(reply: Reply, indent = ''): string {
  switch (reply.type) {
    case 'simple':
      return `+${lineSafe(reply.text)}`;
    case 'error':
      return `-${lineSafe(reply.text)}`;
    case 'integer':
      return `:${reply.text}`;
    case 'bulk':
      return formatBulk(reply.text);
    case 'double':
      return `(double ${reply.text})`;
    case 'bignum':
      return `(big ${reply.text})`;
    case 'boolean':
      return `(${reply.value})`;
    case 'null':
    case 'nil':
      return `(${reply.type})`;
    case 'nil-array':
      return '(nil array)';
    case 'verbatim':
      return `(verbatim ${reply.format} ${formatBulk(reply.text)})`;
    case 'array':
      return wrap('[', reply.items, ']', indent);
    case 'set':
    case 'push':
      return wrap(`${reply.type}[`, reply.items, ']', indent);
    case 'map':
      return wrap('{', reply.entries, '}', indent);
    case 'attribute':
      return wrap('attr{', reply.entries, '}', indent);
  }
}

function formatBulk(text: string): string {
  if (text.length <= LONGEST_BULK) return quote(text);
  return `<bulk ${text.length} ${createHash('sha1').update(text, 'latin1').digest('hex')}>`;
}

/** Quoted where the line alone would not tell: a blank at its end; a line end, which only a broken server sends. */
function lineSafe(text: string): string {
  return /[^\x20-\x7e]|^"| $/.test(text) ? quote(text) : text;
}

type Element = Reply | readonly [Reply, Reply];

function wrap(open: string, elements: readonly Element[], close: string, indent: string): string {
  if (elements.length === 0) return open + close;
  if (elements.every(fitsInline)) {
    const inner = elements.map((element) => formatElement(element, '')).join(', ');
    const line = close === '}' ? `${open} ${inner} ${close}` : open + inner + close;
    if (line.length + indent.length <= LINE_WIDTH && !line.includes('\n')) return line;
  }
  const deeper = `${indent}  `;
  const lines = elements.map((element) => deeper + formatElement(element, deeper));
  return `${open}\n${lines.join('\n')}\n${indent}${close}`;
}

function formatElement(element: Element, indent: string): string {
  if (!isEntry(element)) return formatReply(element, indent);
  return `${formatReply(element[0], indent)} => ${formatReply(element[1], indent)}`;
}

function isEntry(element: Element): element is readonly [Reply, Reply] {
  return Array.isArray(element);
}

/** Errors, and simple strings of more than a word, run to the end of their line. */
function fitsInline(element: Element): boolean {
  if (isEntry(element)) return fitsInline(element[0]) && fitsInline(element[1]);
  if (element.type === 'error') return false;
  if (element.type === 'simple') return /^[\w@|%~-]+$/.test(element.text);
  return true;
}

/** The text of a bulk, simple string, error or number; anything else (a closed connection, too) in notation. */
export function textOf(outcome: Outcome | undefined): string {
  if (outcome === undefined) return '';
  return 'text' in outcome ? outcome.text : formatOutcome(outcome);
}
