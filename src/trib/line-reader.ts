/** Answers, line by line, from a terminal or a pipe. */
import { createInterface, type Interface } from 'node:readline';
import type { Readable } from 'node:stream';

/** How long an answer may take to come through a pipe. A person at a terminal has all the time there is. */
const PIPE_ANSWER_TIMEOUT_MS = 60_000;

type Input = Readable & { readonly isTTY?: boolean; setRawMode?: (raw: boolean) => unknown };

/** One reader for all questions of a run: the lines behind the first one belong to the next questions. */
export class LineReader {
  readonly #input: Input;
  readonly #lines: string[] = [];
  #interface: Interface | undefined;
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(input: Input) {
    this.#input = input;
  }

  get isTty(): boolean {
    return this.#input.isTTY === true;
  }

  /** The next line; undefined when the input has ended, or is a pipe in which nothing came for a minute. */
  async read(): Promise<string | undefined> {
    this.#open();
    if (this.#lines.length === 0 && !this.#ended) await this.#nextEvent();
    return this.#lines.shift();
  }

  /** The same without an echo. */
  async readSecret(): Promise<string | undefined> {
    if (!this.isTty || this.#input.setRawMode === undefined) return this.read();
    this.close();
    this.#input.setRawMode(true);
    try {
      return await readRawLine(this.#input);
    } finally {
      this.#input.setRawMode(false);
      this.#input.pause();
    }
  }

  close(): void {
    const open = this.#interface;
    this.#interface = undefined;
    open?.close();
  }

  #open(): void {
    if (this.#interface !== undefined || this.#ended) return;
    const opened = createInterface({ input: this.#input, terminal: false });
    this.#interface = opened;
    opened.on('line', (line) => {
      this.#lines.push(line);
      this.#wake?.();
    });
    opened.once('close', () => {
      if (this.#interface === opened) this.#ended = true;
      this.#wake?.();
    });
  }

  async #nextEvent(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (!this.isTty) timer = setTimeout(resolve, PIPE_ANSWER_TIMEOUT_MS);
    });
    this.#wake = undefined;
    clearTimeout(timer);
  }
}

const CTRL_C = '\x03';
const CTRL_D = '\x04';

/** In raw mode the terminal neither echoes nor edits: backspace and Ctrl-C are ours to see to. */
async function readRawLine(input: Readable): Promise<string | undefined> {
  let text = '';
  return await new Promise((resolve) => {
    const finish = (answer: string | undefined): void => {
      input.off('data', onData);
      resolve(answer);
    };
    const onData = (chunk: Buffer): void => {
      for (const character of chunk.toString()) {
        if (character === '\r' || character === '\n') return finish(text);
        if (character === CTRL_C || character === CTRL_D) return finish(undefined);
        text = character === '\x7f' || character === '\b' ? text.slice(0, -1) : text + character;
      }
    };
    input.on('data', onData);
    input.resume();
  });
}
