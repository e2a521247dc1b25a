/**
 * What a configuration directive is. Every text in here (words, canonical texts, lines) holds one character a byte.
 *
 * A directive has a typed value, which code reads, and a canonical text, which CONFIG GET prints and which two equal
 * values share. Both come out of the same `parse`, so the text keeps what the value may lose: digits above 2^53, bytes
 * of a path that are not UTF-8.
 */

/** CONFIG SET refuses it; only the file and the command line may set it. */
export const IMMUTABLE = 1 << 0;
/** Patterns of CONFIG GET pass it over; its exact name finds it. */
export const HIDDEN = 1 << 1;
/** CONFIG SET takes it only as far as `enable-protected-configs` allows. */
export const PROTECTED = 1 << 2;
/** Its value must not show in the slow log, in MONITOR or in the log. */
export const SENSITIVE = 1 << 3;
/** CONFIG SET is refused while the data is being loaded. */
export const DENY_LOADING = 1 << 4;
/** It takes several words: CONFIG SET splits its value at every space. */
export const MULTI_ARG = 1 << 5;

export type Parsed<V> =
  | { readonly ok: true; readonly value: V; readonly text: string }
  | { readonly ok: false; readonly error: string };

/** A line for the rewritten file. Without `force` it only replaces an earlier line of its directive. */
export interface RewriteLine {
  readonly line: string;
  readonly force: boolean;
}

/** Looks up directory `target`, relative to `current`: its absolute path, or the system's error text. Real characters. */
export type ChangeDirectory = (
  current: string,
  target: string,
) => { readonly ok: true; readonly path: string } | { readonly ok: false; readonly error: string };

/** What a few directives need beside their words. */
export interface ParseContext {
  /** True for a line that follows another one of the same directive in the files being loaded. */
  readonly repeated: boolean;
  readonly changeDirectory: ChangeDirectory;
}

export interface Directive<V> {
  readonly aliases: readonly string[];
  readonly flags: number;
  readonly defaultValue: V;
  readonly defaultText: string;
  /** Reads the words behind the name. `current` is the value so far, for directives that change a part of it. */
  parse(words: readonly string[], current: V, context: ParseContext): Parsed<V>;
  /** The lines CONFIG REWRITE writes, first to last. No lines: those the file has for this directive go away. */
  rewrite(name: string, text: string, value: V): readonly RewriteLine[];
}

/** What every kind of directive can be declared with. */
export interface Options {
  readonly flags?: number;
  /** Older names that mean the same. */
  readonly aliases?: readonly string[];
}

export type Section = Readonly<Record<string, Directive<unknown>>>;

export function parsed<V>(value: V, text: string): Parsed<V> {
  return { ok: true, value, text };
}

export function refused(error: string): { readonly ok: false; readonly error: string } {
  return { ok: false, error };
}

/** `name text`, kept out of the file as long as it says what the default says. */
export function plainLine(name: string, text: string, defaultText: string): readonly RewriteLine[] {
  return [{ line: `${name} ${text}`, force: text !== defaultText }];
}
