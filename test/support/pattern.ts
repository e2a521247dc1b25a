/**
 * Expected replies: the notation of notation.ts, plus what may stand for a reply that differs from run to run.
 *
 *     <any>  <int>  <bulk>  <simple>  <error>  <array>  <map>  ...   anything [of that type]
 *     <int as id>           the same, and later lines may say {{id}}
 *     :~100                 an integer from 95 to 100 (a TTL that has begun to run down): 5 % or 2 below
 *     ~/regex/              a bulk, simple string or verbatim text whose whole text matches
 *     +~/regex/ -~/regex/   a simple string, an error
 *     [:1, ...]             an array (set, map) that starts like this
 *     (none)                no reply is awaited
 *
 * Sets and maps match in any order.
 */
import { createHash } from 'node:crypto';
import { readQuoted } from './quoting.js';
import type { Outcome } from './rawclient.js';

type OutcomeType = Outcome['type'];

export type Pattern =
  | { readonly kind: 'none' }
  | { readonly kind: 'any'; readonly types: readonly OutcomeType[] | undefined; readonly name: string | undefined }
  | { readonly kind: 'text'; readonly type: OutcomeType; readonly text: string }
  | { readonly kind: 'verbatim'; readonly format: string; readonly inner: Pattern }
  | { readonly kind: 'regex'; readonly types: readonly OutcomeType[]; readonly regex: RegExp }
  | { readonly kind: 'about'; readonly value: number }
  | { readonly kind: 'digest'; readonly length: number; readonly sha1: string }
  | { readonly kind: 'items'; readonly type: OutcomeType; readonly items: readonly Pattern[]; readonly open: boolean }
  | {
      readonly kind: 'entries';
      readonly type: OutcomeType;
      readonly entries: readonly (readonly [Pattern, Pattern])[];
      readonly open: boolean;
    };

/** Names that `<name as x>` patterns have caught. */
export type Captures = Map<string, string>;

const MASKS: Readonly<Record<string, readonly OutcomeType[] | undefined>> = {
  any: undefined,
  int: ['integer'],
  simple: ['simple'],
  error: ['error'],
  bulk: ['bulk'],
  double: ['double'],
  array: ['array'],
  map: ['map'],
  set: ['set'],
  push: ['push'],
  verbatim: ['verbatim'],
};

/** Reads the outcomes that the text tells of, in order. Throws with the place when it is not in the notation. */
export function parsePatterns(text: string): Pattern[] {
  return new PatternParser(text).all();
}

class PatternParser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  all(): Pattern[] {
    const patterns: Pattern[] = [];
    for (;;) {
      this.#skipBlanks();
      if (this.#at >= this.#text.length) return patterns;
      patterns.push(this.#pattern());
    }
  }

  #skipBlanks(): void {
    while (/[\s,]/.test(this.#text[this.#at] ?? 'x')) this.#at++;
  }

  /** Takes what the sticky expression matches here. */
  #take(regex: RegExp): RegExpExecArray | undefined {
    const sticky = new RegExp(regex.source, 'y');
    sticky.lastIndex = this.#at;
    const match = sticky.exec(this.#text);
    if (match === null) return undefined;
    this.#at = sticky.lastIndex;
    return match;
  }

  #fail(): never {
    throw new Error(`not a reply in the spec's notation: ${this.#text.slice(this.#at, this.#at + 60)}`);
  }

  #pattern(): Pattern {
    const char = this.#text[this.#at];
    if (char === '"') return { kind: 'text', type: 'bulk', text: this.#quoted() };
    if (char === '+') return this.#simple();
    if (char === '-') return this.#error();
    if (char === ':') return this.#integer();
    if (char === '(') return this.#parenthesized();
    if (char === '<') return this.#mask();
    if (char === '~') return { kind: 'regex', types: ['bulk', 'simple', 'verbatim'], regex: this.#regex() };
    return this.#aggregate();
  }

  #quoted(): string {
    const [text, end] = readQuoted(this.#text, this.#at);
    this.#at = end;
    return text;
  }

  #regex(): RegExp {
    const match = this.#take(/~\/((?:[^\\/\n]|\\.)*)\//) ?? this.#fail();
    return new RegExp(`^(?:${match[1]})$`, 's');
  }

  #simple(): Pattern {
    this.#at++;
    if (this.#text.startsWith('~/', this.#at)) return { kind: 'regex', types: ['simple'], regex: this.#regex() };
    if (this.#text[this.#at] === '"') return { kind: 'text', type: 'simple', text: this.#quoted() };
    // On a line with others a simple string is one word; else it runs to the end of the line.
    const match = this.#take(/([\w@|%~-]+)(?=\s*[,\]}=])/) ?? this.#take(/(.*)/) ?? this.#fail();
    return { kind: 'text', type: 'simple', text: match[1] as string };
  }

  #error(): Pattern {
    this.#at++;
    if (this.#text.startsWith('~/', this.#at)) return { kind: 'regex', types: ['error'], regex: this.#regex() };
    if (this.#text[this.#at] === '"') return { kind: 'text', type: 'error', text: this.#quoted() };
    const match = this.#take(/(.*)/) ?? this.#fail();
    return { kind: 'text', type: 'error', text: match[1] as string };
  }

  #integer(): Pattern {
    const about = this.#take(/:~(-?\d+)/);
    if (about !== undefined) return { kind: 'about', value: Number(about[1]) };
    const match = this.#take(/:(-?\d+)/) ?? this.#fail();
    return { kind: 'text', type: 'integer', text: match[1] as string };
  }

  #parenthesized(): Pattern {
    const word = this.#take(/\((none|nil array|nil|null|true|false|closed|timeout)\)/)?.[1];
    if (word === 'none') return { kind: 'none' };
    if (word === 'nil array') return { kind: 'any', types: ['nil-array'], name: undefined };
    if (word === 'true' || word === 'false') return { kind: 'text', type: 'boolean', text: word };
    if (word !== undefined) return { kind: 'any', types: [word as OutcomeType], name: undefined };
    const number = this.#take(/\((double|big) ([^)]*)\)/);
    if (number !== undefined) {
      return { kind: 'text', type: number[1] === 'big' ? 'bignum' : 'double', text: number[2] as string };
    }
    const format = (this.#take(/\(verbatim (\w{3}) /) ?? this.#fail())[1] as string;
    const inner = this.#pattern();
    this.#take(/\)/) ?? this.#fail();
    return { kind: 'verbatim', format, inner };
  }

  #mask(): Pattern {
    const digest = this.#take(/<bulk (\d+) ([0-9a-f]{40})>/);
    if (digest !== undefined) return { kind: 'digest', length: Number(digest[1]), sha1: digest[2] as string };
    const match = this.#take(/<(\w+)(?: as (\w+))?>/) ?? this.#fail();
    const word = match[1] as string;
    if (!(word in MASKS)) this.#fail();
    return { kind: 'any', types: MASKS[word], name: match[2] };
  }

  #aggregate(): Pattern {
    const open = (this.#take(/(set\[|push\[|\[|attr\{|\{)/) ?? this.#fail())[1] as string;
    const close = open.endsWith('[') ? ']' : '}';
    const items: Pattern[] = [];
    const entries: [Pattern, Pattern][] = [];
    let prefix = false;
    for (;;) {
      this.#skipBlanks();
      if (this.#text[this.#at] === close) break;
      if (this.#take(/\.\.\./) !== undefined) {
        prefix = true;
        continue;
      }
      const item = this.#pattern();
      if (close === ']') {
        items.push(item);
        continue;
      }
      this.#take(/\s*=>\s*/) ?? this.#fail();
      entries.push([item, this.#pattern()]);
    }
    this.#at++;
    if (close === '}') return { kind: 'entries', type: open === '{' ? 'map' : 'attribute', entries, open: prefix };
    return { kind: 'items', type: open === '[' ? 'array' : (open.slice(0, -1) as OutcomeType), items, open: prefix };
  }
}

/** Whether the outcome is what the pattern asks for; adds to `captures` what the pattern names. */
export function matches(pattern: Pattern, outcome: Outcome, captures: Captures): boolean {
  switch (pattern.kind) {
    case 'none':
      return false;
    case 'any':
      if (pattern.types !== undefined && !pattern.types.includes(outcome.type)) return false;
      if (pattern.name !== undefined) captures.set(pattern.name, plainText(outcome) ?? '');
      return true;
    case 'text':
      return outcome.type === pattern.type && plainText(outcome) === pattern.text;
    case 'verbatim': {
      if (outcome.type !== 'verbatim' || outcome.format !== pattern.format) return false;
      return matches(pattern.inner, { type: 'bulk', text: outcome.text }, captures);
    }
    case 'regex': {
      const text = plainText(outcome);
      return pattern.types.includes(outcome.type) && text !== undefined && pattern.regex.test(text);
    }
    case 'about': {
      if (outcome.type !== 'integer') return false;
      const value = Number(outcome.text);
      return value <= pattern.value && value >= pattern.value - Math.max(2, pattern.value * 0.05);
    }
    case 'digest':
      if (outcome.type !== 'bulk' || outcome.text.length !== pattern.length) return false;
      return createHash('sha1').update(outcome.text, 'latin1').digest('hex') === pattern.sha1;
    case 'items': {
      if (outcome.type !== pattern.type || !('items' in outcome)) return false;
      const same = (p: Pattern, o: Outcome) => matches(p, o, captures);
      return matchAll(pattern.items, outcome.items, pattern.open, outcome.type === 'set', same);
    }
    case 'entries': {
      if (outcome.type !== pattern.type || !('entries' in outcome)) return false;
      const same = (p: readonly [Pattern, Pattern], o: readonly [Outcome, Outcome]) =>
        matches(p[0], o[0], captures) && matches(p[1], o[1], captures);
      return matchAll(pattern.entries, outcome.entries, pattern.open, true, same);
    }
  }
}

function matchAll<P, O>(
  patterns: readonly P[],
  outcomes: readonly O[],
  open: boolean,
  anyOrder: boolean,
  same: (pattern: P, outcome: O) => boolean,
): boolean {
  if (open ? outcomes.length < patterns.length : outcomes.length !== patterns.length) return false;
  if (!anyOrder) return patterns.every((pattern, i) => same(pattern, outcomes[i] as O));
  const left = [...outcomes];
  return patterns.every((pattern) => {
    const at = left.findIndex((outcome) => same(pattern, outcome));
    if (at >= 0) left.splice(at, 1);
    return at >= 0;
  });
}

function plainText(outcome: Outcome): string | undefined {
  if (outcome.type === 'boolean') return String(outcome.value);
  return 'text' in outcome ? outcome.text : undefined;
}
