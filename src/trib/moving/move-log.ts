/** What is seen of slots on the move: the lines of the transcript, or a bar where a person watches. */
import type { Member } from '../cluster.js';
import { formatDuration, progressText, Stopwatch } from '../progress.js';
import type { Terminal } from '../terminal.js';
import type { MoveWatcher } from './mover.js';

/** `lines` has one for each slot with a dot for each key, `hashes` one `#` for each slot. */
export type MoveLogStyle = 'lines' | 'hashes';

const REDRAW_MS = 100;

export class MoveLog implements MoveWatcher {
  readonly #terminal: Terminal;
  readonly #total: number;
  readonly #style: MoveLogStyle;
  readonly #watch = new Stopwatch();
  #slots = 0;
  #keys = 0;
  #ahead = { slots: 0, keys: 0 };
  #drawnMs = -REDRAW_MS;

  constructor(terminal: Terminal, total: number, style: MoveLogStyle) {
    this.#terminal = terminal;
    this.#total = total;
    this.#style = style;
  }

  underWay(slots: number, keys: number): void {
    this.#ahead = { slots, keys };
    if (this.#terminal.isInteractive) this.#draw();
  }

  slotBegins(slot: number, source: Member, target: Member): void {
    this.#ahead = { slots: 0, keys: 0 };
    if (this.#terminal.isInteractive) return this.#draw();
    if (this.#style === 'lines') {
      this.#terminal.write(`Moving slot ${slot} from ${source.name} to ${target.name}: `);
    }
  }

  keysMoved(count: number): void {
    this.#keys += count;
    if (this.#terminal.isInteractive) return this.#draw();
    if (this.#style === 'lines') this.#terminal.write('.'.repeat(count));
  }

  slotEnds(): void {
    this.#slots++;
    if (this.#terminal.isInteractive) return this.#draw();
    if (this.#style === 'lines') this.#terminal.endLine();
    else this.#terminal.write('#');
  }

  note(...lines: readonly string[]): void {
    this.#terminal.print(...lines);
  }

  /** Reports what was moved; also when it was not all. */
  finish(): void {
    const elapsedMs = this.#watch.elapsedMs;
    this.#terminal.endLine();
    this.#terminal.report({ slotsMoved: this.#slots, keysMoved: this.#keys, elapsedMs });
    if (!this.#terminal.isInteractive || this.#total === 0) return;
    const took = formatDuration(elapsedMs);
    this.#terminal.print(`[OK] ${this.#slots} of ${this.#total} slots moved with ${this.#keys} keys in ${took}.`);
  }

  #draw(): void {
    const elapsedMs = this.#watch.elapsedMs;
    if (elapsedMs - this.#drawnMs < REDRAW_MS) return;
    this.#drawnMs = elapsedMs;
    const [total, width] = [this.#total, this.#terminal.columns - 1];
    const [done, keys] = [this.#slots + this.#ahead.slots, this.#keys + this.#ahead.keys];
    this.#terminal.showStatus(progressText({ done, total, unit: 'slots', keys, elapsedMs, width }));
  }
}
