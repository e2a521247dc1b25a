/** The commands of one server, with what is derived from their declarations, found by name without making a string. */
import { latin1 } from '../base/bytes.js';
import type { CommandTablePort, ResolvedCommand } from '../commands/context.js';
import type { Command } from '../commands/define.js';
import { deriveCommand, findKeyIndexes } from '../commands/introspection/derive.js';
import type { ArgVector } from '../resp/argVector.js';

/** Longer names than this are no commands. */
const MAX_NAME_BYTES = 64;

/** The statistics of a command that nobody has called. */
const NO_CALLS = { calls: 0, microseconds: 0, rejectedCalls: 0, failedCalls: 0, latency: undefined } as const;

export class CommandTable implements CommandTablePort {
  readonly #byName = new Map<string, ResolvedCommand>();
  readonly #byFullName = new Map<string, ResolvedCommand>();
  /** Open-addressed index over `#names`: the hot way in. */
  #slots: (ResolvedCommand | undefined)[] = [];
  #names: Uint8Array[] = [];
  #mask = 0;

  constructor(declarations: Iterable<Command>) {
    for (const declaration of declarations) {
      const resolved = resolve(declaration, undefined);
      this.#byName.set(declaration.name, resolved);
      this.#byFullName.set(resolved.fullName, resolved);
      for (const sub of resolved.subcommands?.values() ?? []) this.#byFullName.set(sub.fullName, sub);
    }
    this.#rebuildIndex();
  }

  get size(): number {
    return this.#byName.size;
  }

  /** Gives a command another name; an empty one removes it (rename-command). False when there is no such command. */
  rename(from: string, to: string): boolean {
    const resolved = this.#byName.get(from.toLowerCase());
    if (resolved === undefined) return false;
    this.#byName.delete(from.toLowerCase());
    if (to !== '') this.#byName.set(to.toLowerCase(), resolved);
    this.#rebuildIndex();
    return true;
  }

  has(name: string): boolean {
    return this.#byName.has(name.toLowerCase());
  }

  lookup(buf: Uint8Array, start: number, end: number): ResolvedCommand | undefined {
    const length = end - start;
    if (length > MAX_NAME_BYTES) return undefined;
    let at = hashName(buf, start, end) & this.#mask;
    for (;;) {
      const found = this.#slots[at];
      if (found === undefined) return undefined;
      const name = this.#names[at];
      if (name.length === length && equalFolded(buf, start, name)) return found;
      at = (at + 1) & this.#mask;
    }
  }

  byFullName(name: string): ResolvedCommand | undefined {
    return this.#byFullName.get(name);
  }

  all(): Iterable<ResolvedCommand> {
    return this.#byName.values();
  }

  /** CONFIG RESETSTAT: nothing has been called yet. */
  resetStats(): void {
    for (const command of this.#byFullName.values()) Object.assign(command, NO_CALLS);
  }

  keyIndexes(command: ResolvedCommand, args: ArgVector, out: number[]): boolean {
    return findKeyIndexes(command.declaration, args, out);
  }

  #rebuildIndex(): void {
    let capacity = 64;
    while (capacity < this.#byName.size * 4) capacity *= 2;
    this.#mask = capacity - 1;
    this.#slots = new Array<ResolvedCommand | undefined>(capacity).fill(undefined);
    this.#names = new Array<Uint8Array>(capacity).fill(new Uint8Array(0));
    for (const [name, resolved] of this.#byName) {
      const bytes = Buffer.from(name, 'latin1');
      let at = hashName(bytes, 0, bytes.length) & this.#mask;
      while (this.#slots[at] !== undefined) at = (at + 1) & this.#mask;
      this.#slots[at] = resolved;
      this.#names[at] = new Uint8Array(bytes);
    }
  }
}

function resolve(declaration: Command, parent: ResolvedCommand | undefined): ResolvedCommand {
  const derived = deriveCommand(declaration, parent?.fullName);
  const subcommands = new Map<string, ResolvedCommand>();
  const resolved: ResolvedCommand = {
    declaration,
    fullName: parent === undefined ? declaration.name : `${parent.fullName}|${declaration.name}`,
    parent,
    subcommands: declaration.subcommands === undefined ? undefined : subcommands,
    flags: derived.flags,
    firstKey: derived.firstKey,
    lastKey: derived.lastKey,
    keyStep: derived.keyStep,
    aclCategories: derived.aclCategories,
    ...NO_CALLS,
  };
  for (const sub of declaration.subcommands ?? []) subcommands.set(sub.name, resolve(sub, resolved));
  return resolved;
}

/** The subcommand that argument 1 names. Subcommands are few and not hot: a string is fine. */
export function findSubcommand(container: ResolvedCommand, args: ArgVector): ResolvedCommand | undefined {
  return container.subcommands?.get(latin1(args.buf, args.start[1], args.end[1]).toLowerCase());
}

function hashName(buf: Uint8Array, start: number, end: number): number {
  let hash = end - start;
  for (let i = start; i < end; i++) hash = Math.imul(hash, 31) + (buf[i] | 0x20);
  return (hash ^ (hash >>> 13)) >>> 0;
}

/** buf[start, ...) equals the lower-case `name`, ASCII letter case aside. */
function equalFolded(buf: Uint8Array, start: number, name: Uint8Array): boolean {
  for (let i = 0; i < name.length; i++) {
    let c = buf[start + i];
    if (c >= 0x41 && c <= 0x5a) c |= 0x20;
    if (c !== name[i]) return false;
  }
  return true;
}
