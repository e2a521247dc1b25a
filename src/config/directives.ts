/** The one table of directives, and what follows from it: the names, the types of the values, the lookup by name. */
import type { Directive } from './directive.js';
import { aof } from './sections/aof.js';
import { cluster } from './sections/cluster.js';
import { encodings } from './sections/encodings.js';
import { general } from './sections/general.js';
import { memory } from './sections/memory.js';
import { monitoring } from './sections/monitoring.js';
import { network } from './sections/network.js';
import { replication } from './sections/replication.js';
import { security } from './sections/security.js';
import { snapshotting } from './sections/snapshotting.js';
import { tls } from './sections/tls.js';

export const DIRECTIVES = {
  ...network,
  ...tls,
  ...general,
  ...snapshotting,
  ...replication,
  ...security,
  ...memory,
  ...aof,
  ...cluster,
  ...monitoring,
  ...encodings,
} as const;

export type Name = keyof typeof DIRECTIVES;

/** The value of every directive under its name, as code reads it. */
export type Values = { readonly [N in Name]: (typeof DIRECTIVES)[N] extends Directive<infer V> ? V : never };

export const NAMES = Object.keys(DIRECTIVES) as readonly Name[];

/** What every directive starts out as; `dir` is empty here, because it depends on where the server starts. */
export const DEFAULT_VALUES = Object.fromEntries(NAMES.map((name) => [name, DIRECTIVES[name].defaultValue])) as Values;
export const DEFAULT_TEXTS = Object.fromEntries(NAMES.map((name) => [name, DIRECTIVES[name].defaultText])) as Readonly<
  Record<Name, string>
>;

/** A name by which users reach a directive. */
export interface Entry {
  readonly directive: Directive<unknown>;
  /** The directive's own name. */
  readonly name: Name;
  /** The name or alias it was reached by, in lower case. */
  readonly spelling: string;
}

/** Every name and alias, each alias behind its name. */
export const ENTRIES: readonly Entry[] = NAMES.flatMap((name) => {
  const directive: Directive<unknown> = DIRECTIVES[name];
  return [name, ...directive.aliases].map((spelling) => ({ directive, name, spelling }));
});

const BY_SPELLING: ReadonlyMap<string, Entry> = new Map(ENTRIES.map((entry) => [entry.spelling, entry]));

/** The directive of this name or alias, case ignored. */
export function findEntry(spelling: string): Entry | undefined {
  return BY_SPELLING.get(spelling.toLowerCase());
}
