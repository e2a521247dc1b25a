/** What a command writes and asks: the transcript, coloured on a terminal, questions, progress, or one JSON document. */
import type { Readable, Writable } from 'node:stream';
import { LineReader } from './line-reader.js';

/** Hands Ctrl-C (and SIGTERM, SIGHUP) to a handler instead of ending the process; the result takes that back. */
export type TakeInterrupts = (handler: () => void) => () => void;

/** The outside of one run: a process hands in its own, a test what it likes. */
export interface TribIo {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable & { readonly columns?: number };
  readonly stderr: Writable;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** True when stdout is a terminal. */
  readonly isTty: boolean;
  /** For commands that run until they are told to end. */
  readonly takeInterrupts?: TakeInterrupts;
  /** Takes what is to be said when Ctrl-C ends the process, while something is under way; undefined: the usual. */
  readonly explainInterrupt?: (words: (() => readonly string[]) | undefined) => void;
  /** See {@link import('./node-client.js').ConnectOptions.onCommand}. */
  readonly onCommand?: (node: string, args: readonly string[]) => void;
}

/** What the run of a command amounts to, as `--json` prints it. The names are a promise to scripts: add, never change. */
export interface JsonDocument {
  readonly schema: 1;
  readonly command: string;
  readonly ok: boolean;
  readonly exitCode: number;
  readonly errors: readonly Finding[];
  readonly warnings: readonly Finding[];
  readonly result: Readonly<Record<string, unknown>>;
}

/** A line of the transcript that tells of trouble, and the lines under it that say what to do. */
export interface Finding {
  readonly message: string;
  readonly advice: string[];
}

const COLOURS: readonly (readonly [prefix: string, code: string])[] = [
  ['>>>', '29;1'],
  ['[OK]', '32;1'],
  ['[WARNING]', '33;1'],
  ['[ERR]', '31;1'],
  ['***', '31;1'],
];
const CLEAR_LINE = '\r\x1b[K';
const DEFAULT_COLUMNS = 80;

export class Terminal {
  readonly #io: TribIo;
  readonly #json: boolean;
  readonly #out: Writable;
  readonly #coloured: boolean;
  readonly #reader: LineReader;
  readonly #errors: Finding[] = [];
  readonly #warnings: Finding[] = [];
  /** Lines that begin with ***, as redis-trib marks what is in the way, and now and then what is not. */
  readonly #notes: Finding[] = [];
  #lastFinding: Finding | undefined;
  #result: Record<string, unknown> = {};
  /** True when the last thing written did not end its line. */
  #lineIsOpen = false;
  #statusIsShown = false;

  /** With `json`, standard output is kept for the document, and the transcript goes to standard error. */
  constructor(io: TribIo, json = false) {
    this.#io = io;
    this.#json = json;
    this.#out = json ? io.stderr : io.stdout;
    this.#coloured = io.isTty && !json && !io.env.NO_COLOR;
    this.#reader = new LineReader(io.stdin);
  }

  get coloured(): boolean {
    return this.#coloured;
  }

  /** True when a person watches: progress bars and maps are drawn. */
  get isInteractive(): boolean {
    return this.#io.isTty && !this.#json;
  }

  get columns(): number {
    // Some terminals do not know, and say 0.
    return this.#io.stdout.columns || DEFAULT_COLUMNS;
  }

  /** Prints lines of the transcript; how a line begins decides its colour. */
  print(...lines: readonly string[]): void {
    if (lines.length > 0) this.endLine();
    for (const line of lines) {
      this.#collect(line);
      this.#out.write(`${this.#colour(line)}\n`);
    }
  }

  /** Prints a piece of a line, which the next {@link print} ends. */
  write(text: string): void {
    this.#clearStatus();
    this.#out.write(text);
    this.#lineIsOpen = true;
  }

  /** Ends the line that {@link write} began, if it did. */
  endLine(): void {
    this.#clearStatus();
    if (this.#lineIsOpen) this.#out.write('\n');
    this.#lineIsOpen = false;
  }

  /** Shows a line that the next one takes the place of, where a person watches; nothing in files and pipes. */
  showStatus(text: string): void {
    if (!this.isInteractive) return;
    this.#out.write(CLEAR_LINE + text.slice(0, this.columns - 1));
    this.#statusIsShown = true;
  }

  /** Adds to the result that `--json` prints. */
  report(fields: Readonly<Record<string, unknown>>): void {
    this.#result = { ...this.#result, ...fields };
  }

  /** What Ctrl-C is to say from now on; undefined when the usual words are right again. */
  whenInterrupted(words: (() => readonly string[]) | undefined): void {
    this.#io.explainInterrupt?.(words);
  }

  /** Asks a question and reads one line; undefined when there is nobody to answer (see {@link LineReader}). */
  async ask(question: string): Promise<string | undefined> {
    this.write(question);
    const answer = await this.#reader.read();
    if (this.#reader.isTty) {
      // The terminal has echoed the answer and its line end, unless the answer was Ctrl-D.
      this.#lineIsOpen = answer === undefined;
    } else {
      // A transcript in a file is to show the answer as well.
      this.write(answer ?? '');
      this.endLine();
    }
    return answer?.trim();
  }

  /** Asks for a secret, which a terminal does not show. */
  async askSecret(question: string): Promise<string | undefined> {
    this.write(question);
    const answer = await this.#reader.readSecret();
    this.endLine();
    return answer;
  }

  /** Asks a question that only `yes` accepts; undefined when there is nobody to answer. */
  async confirm(question: string): Promise<boolean | undefined> {
    const answer = await this.ask(question);
    return answer === undefined ? undefined : answer === 'yes';
  }

  /** Ends the run: prints the document where `--json` asked for it. */
  finish(command: string, exitCode: number): void {
    this.endLine();
    this.#reader.close();
    if (!this.#json) return;
    const document: JsonDocument = {
      schema: 1,
      command,
      ok: exitCode === 0,
      exitCode,
      errors: exitCode === 0 ? this.#errors : [...this.#errors, ...this.#notes],
      warnings: this.#warnings,
      result: this.#result,
    };
    this.#io.stdout.write(`${JSON.stringify(document, undefined, 2)}\n`);
  }

  #clearStatus(): void {
    if (this.#statusIsShown) this.#out.write(CLEAR_LINE);
    this.#statusIsShown = false;
  }

  /** Keeps what is wrong for the document: an [ERR] or [WARNING] line with the indented lines under it. */
  #collect(line: string): void {
    const [mark] = line.split(' ', 1);
    const kind = { '[ERR]': this.#errors, '[WARNING]': this.#warnings, '***': this.#notes }[mark];
    if (Array.isArray(kind)) {
      this.#lastFinding = { message: line.slice(line.indexOf(' ') + 1), advice: [] };
      kind.push(this.#lastFinding);
    } else if (line.startsWith('      ')) {
      this.#lastFinding?.advice.push(line.trim());
    } else {
      this.#lastFinding = undefined;
    }
  }

  #colour(line: string): string {
    const code = this.#coloured ? COLOURS.find(([prefix]) => line.startsWith(prefix))?.[1] : undefined;
    return code === undefined ? line : `\x1b[${code}m${line}\x1b[0m`;
  }
}
