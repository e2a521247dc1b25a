/**
 * The configuration of one server: the current value of every directive, and the rules by which CONFIG GET and CONFIG SET
 * read and change them. Names and texts hold one character a byte, as they came from the client or the file.
 */
import { fromLatin1 } from '../base/bytes.js';
import { globMatch } from '../base/glob.js';
import { splitArgs } from '../base/splitArgs.js';
import { type ChangeDirectory, DENY_LOADING, HIDDEN, IMMUTABLE, MULTI_ARG, PROTECTED } from './directive.js';
import { DEFAULT_TEXTS, DEFAULT_VALUES, ENTRIES, type Entry, findEntry, type Name, type Values } from './directives.js';
import { toUtf8 } from './kinds/text.js';

/**
 * Puts a new value into effect. An error text refuses it: CONFIG SET then restores every value of the command and calls
 * the listeners that had already run once more, with the old ones.
 */
// biome-ignore lint/suspicious/noConfusingVoidType: a listener that never refuses need not return anything.
export type ChangeListener<V> = (value: V, previous: V) => string | undefined | void;

/** What CONFIG SET must know about its caller. */
export interface SetContext {
  /** Connected from this machine: `local` in `enable-protected-configs` means such clients. */
  readonly isLocal: boolean;
  /** The data is still being loaded. */
  readonly isLoading: boolean;
}

export interface ConfigOptions {
  /** Absolute path of the directory that `dir` starts out as. */
  readonly directory: string;
  readonly changeDirectory: ChangeDirectory;
}

/** One directive's part of a CONFIG SET. */
interface Change {
  readonly entry: Entry;
  readonly word: string;
  readonly previousValue: unknown;
  readonly previousText: string;
}

export class Config {
  /** Every directive's value under its name. Live: read it where it is used, or listen for changes. */
  readonly values: Values;
  readonly #values: Record<Name, unknown>;
  readonly #texts: Record<Name, string>;
  readonly #changeDirectory: ChangeDirectory;
  readonly #explicit = new Set<Name>();
  readonly #listeners = new Map<Name, ChangeListener<unknown>[]>();

  constructor({ directory, changeDirectory }: ConfigOptions) {
    this.#changeDirectory = changeDirectory;
    // Spread makes an object with fast properties; filling an empty one name by name makes a slow dictionary.
    const values = { ...DEFAULT_VALUES, dir: directory };
    this.#values = values;
    this.#texts = { ...DEFAULT_TEXTS, dir: toUtf8(directory) };
    this.values = values;
  }

  /** Somebody said what it shall be, in a file, on the command line or by CONFIG SET, even if that is the default. */
  isExplicit(name: Name): boolean {
    return this.#explicit.has(name);
  }

  /** The directive's canonical text, as CONFIG GET prints it. */
  text(name: Name): string {
    return this.#texts[name];
  }

  /** Names and texts of the directives that any of the patterns matches, no name twice. */
  get(patterns: readonly string[]): [name: string, text: string][] {
    const found = new Map<string, [string, string]>();
    for (const pattern of patterns) {
      if (!/[[*?]/.test(pattern)) {
        const entry = findEntry(pattern);
        if (entry !== undefined && !found.has(entry.spelling)) {
          found.set(entry.spelling, [pattern, this.#texts[entry.name]]);
        }
        continue;
      }
      const glob = fromLatin1(pattern);
      for (const { directive, name, spelling } of ENTRIES) {
        if ((directive.flags & HIDDEN) !== 0 || found.has(spelling)) continue;
        if (globMatch(glob, 0, glob.length, fromLatin1(spelling), 0, spelling.length, true)) {
          found.set(spelling, [spelling, this.#texts[name]]);
        }
      }
    }
    return [...found.values()];
  }

  /** CONFIG SET: all of the pairs or, when one is refused, none. Gives the error reply's text, or nothing on success. */
  set(pairs: readonly (readonly [name: string, text: string])[], context: SetContext): string | undefined {
    const entries: Entry[] = [];
    for (const [name] of pairs) {
      const entry = findEntry(name);
      if (entry === undefined) return `ERR Unknown option or number of arguments for CONFIG SET - '${name}'`;
      const error = this.#gate(entry, entries, context);
      if (error === LOADING) return error;
      if (error !== undefined) return setFailed(name, error);
      entries.push(entry);
    }

    const changes: Change[] = entries.map((entry, i) => ({
      entry,
      word: pairs[i][1],
      previousValue: this.#values[entry.name],
      previousText: this.#texts[entry.name],
    }));
    for (const { entry, word } of changes) {
      const words = (entry.directive.flags & MULTI_ARG) === 0 ? [word] : word === '' ? [] : word.split(' ');
      const error = this.#put(entry, words, false);
      if (error === undefined) continue;
      this.#restore(changes);
      return setFailed(entry.spelling, error);
    }
    const refusal = this.#apply(changes);
    if (refusal === undefined) for (const { name } of entries) this.#explicit.add(name);
    return refusal;
  }

  /**
   * Sets a directive as a line of the configuration file does, or as the server itself may: no gate of CONFIG SET stands
   * in the way and no listener is told. `repeated`: an earlier line of the same load set it too.
   * Gives the error text, or nothing on success.
   */
  assign(entry: Entry, words: readonly string[], repeated = false): string | undefined {
    if ((entry.directive.flags & MULTI_ARG) === 0) {
      if (words.length !== 1) return 'wrong number of arguments';
    } else if (words.length === 1 && words[0] !== '') {
      // One quoted word may hold them all. What cannot be split is taken for no words, as Redis does.
      words = splitArgs(words[0]) ?? [];
    }
    this.#explicit.add(entry.name);
    return this.#put(entry, words, repeated);
  }

  /** Calls `listener` whenever CONFIG SET gives the directive another value. See {@link ChangeListener}. */
  onChange<N extends Name>(name: N, listener: ChangeListener<Values[N]>): void {
    const listeners = this.#listeners.get(name) ?? [];
    listeners.push(listener as ChangeListener<unknown>);
    this.#listeners.set(name, listeners);
  }

  /** Why CONFIG SET may not touch the directive at all. */
  #gate(entry: Entry, earlier: readonly Entry[], { isLocal, isLoading }: SetContext): string | undefined {
    const { flags } = entry.directive;
    if ((flags & IMMUTABLE) !== 0) return "can't set immutable config";
    const allowed = this.values['enable-protected-configs'];
    if ((flags & PROTECTED) !== 0 && allowed !== 'yes' && !(allowed === 'local' && isLocal)) {
      return "can't set protected config";
    }
    if ((flags & DENY_LOADING) !== 0 && isLoading) return LOADING;
    return earlier.includes(entry) ? 'duplicate parameter' : undefined;
  }

  #put({ directive, name }: Entry, words: readonly string[], repeated: boolean): string | undefined {
    const context = { repeated, changeDirectory: this.#changeDirectory };
    const result = directive.parse(words, this.#values[name], context);
    if (!result.ok) return result.error;
    this.#values[name] = result.value;
    this.#texts[name] = result.text;
    return undefined;
  }

  #restore(changes: readonly Change[]): void {
    for (const { entry, previousValue, previousText } of changes) {
      this.#values[entry.name] = previousValue;
      this.#texts[entry.name] = previousText;
    }
  }

  /** Tells the listeners; one that stands for several of the directives is told once. */
  #apply(changes: readonly Change[]): string | undefined {
    const called = new Map<ChangeListener<unknown>, Change>();
    for (const change of changes) {
      const { entry, previousValue, previousText } = change;
      if (this.#texts[entry.name] === previousText) continue;
      for (const listener of this.#listeners.get(entry.name) ?? []) {
        if (called.has(listener)) continue;
        called.set(listener, change);
        const error = listener(this.#values[entry.name], previousValue);
        if (typeof error !== 'string') continue;
        const refusedValues = new Map(changes.map((each) => [each, this.#values[each.entry.name]]));
        this.#restore(changes);
        for (const [again, each] of called) again(this.#values[each.entry.name], refusedValues.get(each));
        return setFailed(entry.spelling, error);
      }
    }
    return undefined;
  }
}

const LOADING = 'LOADING Redis is loading the dataset in memory';

function setFailed(spelling: string, error: string): string {
  const reason = error === '' ? '' : ` - ${error}`;
  return `ERR CONFIG SET failed (possibly related to argument '${spelling}')${reason}`;
}
