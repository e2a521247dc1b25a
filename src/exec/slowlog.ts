import { copyOf } from '../base/copy.js';
import type { SlowCall, SlowLogPort } from '../commands/server/monitoringPorts.js';
import type { ArgVector } from '../resp/argVector.js';

const ARGS_MAX = 32;
const ARG_BYTES_MAX = 128;
const REDACTED = Buffer.from('(redacted)');

/** What the entry of a call says beside its arguments. */
export type SlowCallFacts = Omit<SlowCall, 'id' | 'args'>;

/** The calls that took longer than slowlog-log-slower-than, the newest slowlog-max-len of them. */
export class SlowLog implements SlowLogPort {
  /** Oldest first. */
  #entries: SlowCall[] = [];
  #nextId = 0;

  get length(): number {
    return this.#entries.length;
  }

  *newest(count: number): Iterable<SlowCall> {
    const entries = this.#entries;
    for (let i = entries.length - 1; i >= Math.max(0, entries.length - count); i--) yield entries[i];
  }

  clear(): void {
    this.#entries = [];
  }

  /** Notes a call. `args` comes from {@link shortened} or {@link unknownArguments}. */
  add(facts: SlowCallFacts, args: readonly Uint8Array[], maxEntries: number): void {
    this.#entries.push({ id: this.#nextId++, args, ...facts });
    if (this.#entries.length > maxEntries) this.#entries = this.#entries.slice(this.#entries.length - maxEntries);
  }
}

/** Copies of the arguments that may be kept: few, short, and nothing of those in `secret`. */
export function shortened(args: ArgVector, secret: readonly number[]): Uint8Array[] {
  const shown = Math.min(args.argc, ARGS_MAX);
  const copies: Uint8Array[] = [];
  for (let i = 0; i < shown; i++) {
    if (i === ARGS_MAX - 1 && args.argc > ARGS_MAX) {
      copies.push(Buffer.from(`... (${args.argc - i} more arguments)`));
    } else copies.push(secret.includes(i) ? REDACTED : shortenedArgument(args, i));
  }
  return copies;
}

function shortenedArgument({ buf, start, end }: ArgVector, i: number): Uint8Array {
  const length = end[i] - start[i];
  if (length <= ARG_BYTES_MAX) return copyOf(buf, start[i], end[i]);
  const more = Buffer.from(`... (${length - ARG_BYTES_MAX} more bytes)`);
  return Buffer.concat([buf.subarray(start[i], start[i] + ARG_BYTES_MAX), more]);
}

/** What stands for the arguments of one of several calls that were timed together. */
export function unknownArguments(commandName: string, calls: number): Uint8Array[] {
  const which = calls === 1 ? 'a call in a pipeline' : `one of ${calls} calls in a pipeline`;
  return [Buffer.from(commandName), Buffer.from(`... (${which})`)];
}
