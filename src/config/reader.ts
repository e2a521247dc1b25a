/**
 * Reads redis.conf: lines of `directive word ...`, `#` comments, quoted words as in base/splitArgs.ts, and the few
 * directives that are not settings (`include`, `rename-command`, `user`). Texts hold one character a byte.
 *
 * Files and everything that lies outside the table of directives come in through {@link ReaderHost}.
 */
import { splitArgs } from '../base/splitArgs.js';
import type { Config } from './config.js';
import { findEntry, type Name } from './directives.js';
import { fromUtf8 } from './kinds/text.js';

/** Relative paths start at `config.values.dir` as it is at the time of the call: earlier lines may have moved it. */
export interface ReaderHost {
  /** The file's bytes, one a character; or the system's error text (`No such file or directory`). */
  readFile(path: string): { readonly ok: true; readonly text: string } | { readonly ok: false; readonly error: string };
  /** The paths that a pattern with `*`, `?` or `[` matches, sorted as glob(3) sorts them. */
  glob(pattern: string): readonly string[];
  /** Tries to open the log file for appending: the system's error text when that fails. */
  checkLogFile(path: string): string | undefined;
  /** Renames a command, or removes it when `to` is empty; the error text when it cannot. */
  renameCommand(from: string, to: string): string | undefined;
  /** Declares an ACL user by the words behind `user`; the error text when they are not acceptable. */
  addUser(words: readonly string[]): string | undefined;
}

/** Why the configuration cannot be used. The server must not start. */
export class ConfigError extends Error {
  override name = 'ConfigError';
  /** Where {@link message} belongs: whole on standard error, or as a warning in the log. */
  readonly channel: 'stderr' | 'log';

  constructor(message: string, channel: 'stderr' | 'log') {
    super(message);
    this.channel = channel;
  }
}

export interface Sources {
  /** Path of the configuration file. */
  readonly file?: string | undefined;
  /** What standard input gave, read behind the file. */
  readonly stdin?: string | undefined;
  /** Lines of the command line, read last. */
  readonly options?: string | undefined;
}

/** The product and version that error messages open with, as in `Shoal 0.1.0`. */
export type Banner = string;

/** Deep enough for any sane file, shallow enough to end a file that includes itself. */
const MAX_INCLUDE_DEPTH = 64;

/** Settings of long ago that are read over without a word. */
const IGNORED = ['list-max-ziplist-entries', 'list-max-ziplist-value', 'lua-replicate-commands'];

/**
 * Loads the sources, in their order, into `config`. Throws a {@link ConfigError} at the first line that cannot be used;
 * the lines before it have then taken effect.
 */
export function loadConfig(config: Config, sources: Sources, host: ReaderHost, banner: Banner): void {
  new Reader(config, host, banner).load(sources);
}

class Reader {
  readonly #config: Config;
  readonly #host: ReaderHost;
  readonly #banner: Banner;
  readonly #seen = new Set<Name>();
  #depth = 0;

  constructor(config: Config, host: ReaderHost, banner: Banner) {
    this.#config = config;
    this.#host = host;
    this.#banner = banner;
  }

  load({ file, stdin, options }: Sources): void {
    // The pieces are joined before they are split into lines: line numbers count on from one to the next.
    let text = file === undefined ? '' : this.#readFiles(file);
    if (stdin !== undefined) text += stdin;
    if (options !== undefined) text += `\n${options}`;
    this.#readText(text);
  }

  #readFiles(path: string): string {
    const paths = /[*?[]/.test(path) ? this.#host.glob(path) : [path];
    let text = '';
    for (const each of paths) {
      const result = this.#host.readFile(each);
      if (!result.ok) throw new ConfigError(`Fatal error, can't open config file '${each}': ${result.error}`, 'log');
      text += result.text;
    }
    return text;
  }

  #readText(text: string): void {
    const lines = text.split('\n');
    for (let i = 0; i < lines.length; i++) {
      const line = trim(lines[i]);
      if (line === '' || line.startsWith('#')) continue;
      const error = this.#readLine(line);
      if (error !== undefined) this.#fail(`Reading the configuration file, at line ${i + 1}\n>>> '${line}'\n${error}`);
    }
    this.#checkWhole();
  }

  /** Puts one line into effect; its error text when it cannot. */
  #readLine(line: string): string | undefined {
    const words = splitArgs(line);
    if (words === undefined) return 'Unbalanced quotes in configuration line';
    if (words.length === 0) return undefined;
    const directive = words[0].toLowerCase();
    const entry = findEntry(directive);
    if (entry === undefined) return this.#readSpecial(directive, words.slice(1));
    const error = this.#config.assign(entry, words.slice(1), this.#seen.has(entry.name));
    this.#seen.add(entry.name);
    return error;
  }

  #readSpecial(directive: string, words: readonly string[]): string | undefined {
    if (IGNORED.includes(directive) && words.length === 1) return undefined;
    if (directive === 'include' && words.length === 1) return this.#include(fromUtf8(words[0]));
    if (directive === 'rename-command' && words.length === 2) return this.#host.renameCommand(words[0], words[1]);
    if (directive === 'user' && words.length >= 1) return this.#host.addUser(words);
    if (directive === 'loadmodule' && words.length >= 1) return 'modules are not supported';
    if (directive.includes('.')) {
      return words.length === 0
        ? 'Module config specified without value'
        : 'Module Configuration detected without loadmodule directive or no ApplyConfig call: aborting';
    }
    if (directive === 'sentinel') {
      return words.length === 0 ? undefined : 'sentinel directive while not in sentinel mode';
    }
    return 'Bad directive or wrong number of arguments';
  }

  #include(path: string): string | undefined {
    if (this.#depth === MAX_INCLUDE_DEPTH) return 'Too many nested include directives';
    this.#depth++;
    this.#readText(this.#readFiles(path));
    this.#depth--;
    return undefined;
  }

  /** What only the whole of a text shows. An included file is such a whole, too. */
  #checkWhole(): void {
    const { logfile, replicaof, 'cluster-enabled': clusterEnabled } = this.#config.values;
    const logError = logfile === '' ? undefined : this.#host.checkLogFile(logfile);
    if (logError !== undefined) this.#fail(`Can't open the log file: ${logError}`);
    if (clusterEnabled && replicaof !== undefined) this.#fail('replicaof directive not allowed in cluster mode');
  }

  #fail(message: string): never {
    throw new ConfigError(`\n*** FATAL CONFIG FILE ERROR (${this.#banner}) ***\n${message}\n`, 'stderr');
  }
}

function trim(line: string): string {
  return line.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, '');
}
