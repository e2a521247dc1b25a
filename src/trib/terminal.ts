/** What a command writes and asks: the transcript, coloured on a terminal, and the one question. */
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

/** The outside of one run: a process hands in its own, a test what it likes. */
export interface TribIo {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** True when stdout is a terminal. */
  readonly isTty: boolean;
  /** See {@link import('./node-client.js').ConnectOptions.onCommand}. */
  readonly onCommand?: (node: string, args: readonly string[]) => void;
}

/** How long an answer may take to come through a pipe. A person at a terminal has all the time there is. */
const PIPE_ANSWER_TIMEOUT_MS = 60_000;

const COLOURS: readonly (readonly [prefix: string, code: string])[] = [
  ['>>>', '29;1'],
  ['[OK]', '32;1'],
  ['[WARNING]', '33;1'],
  ['[ERR]', '31;1'],
  ['***', '31;1'],
];

export class Terminal {
  readonly #io: TribIo;
  readonly #coloured: boolean;
  /** True when the last thing written did not end its line. */
  #lineIsOpen = false;

  constructor(io: TribIo) {
    this.#io = io;
    this.#coloured = io.isTty && !io.env.NO_COLOR;
  }

  /** Prints lines of the transcript; how a line begins decides its colour. */
  print(...lines: readonly string[]): void {
    if (lines.length > 0) this.endLine();
    for (const line of lines) this.#io.stdout.write(`${this.#colour(line)}\n`);
  }

  /** Prints a piece of a line, which the next {@link print} ends. */
  write(text: string): void {
    this.#io.stdout.write(text);
    this.#lineIsOpen = true;
  }

  /** Ends the line that {@link write} began, if it did. */
  endLine(): void {
    if (this.#lineIsOpen) this.#io.stdout.write('\n');
    this.#lineIsOpen = false;
  }

  /**
   * Asks a question that only `yes` accepts. Reads one line, from a terminal or a pipe; undefined when there is nobody
   * to answer: the input has ended, or is a pipe in which nothing came for a minute.
   */
  async confirm(question: string): Promise<boolean | undefined> {
    this.write(`${question} (type 'yes' to accept): `);
    const answer = await this.#readLine();
    if (this.#io.stdin.isTTY) {
      // The terminal has echoed the answer and its line end, unless the answer was Ctrl-D.
      this.#lineIsOpen = answer === undefined;
      return answer?.trim() === 'yes';
    }
    // A transcript in a file is to show the answer as well.
    this.write(answer ?? '');
    return answer === undefined ? undefined : answer.trim() === 'yes';
  }

  async #readLine(): Promise<string | undefined> {
    const { stdin } = this.#io;
    const lines = createInterface({ input: stdin, terminal: false });
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<string | undefined>((resolve) => {
        lines.once('line', resolve);
        lines.once('close', () => resolve(undefined));
        if (!stdin.isTTY) timer = setTimeout(() => resolve(undefined), PIPE_ANSWER_TIMEOUT_MS);
      });
    } finally {
      clearTimeout(timer);
      lines.close();
    }
  }

  #colour(line: string): string {
    const code = this.#coloured ? COLOURS.find(([prefix]) => line.startsWith(prefix))?.[1] : undefined;
    return code === undefined ? line : `\x1b[${code}m${line}\x1b[0m`;
  }
}
