/**
 * What follows from a command's declaration: implicit flags, ACL categories, the old-style key range, and where the
 * keys of a request are. Pure; dispatch, cluster routing and COMMAND all read the same answers.
 */
import { equalsIgnoreCase, parseSafeInt } from '../../base/bytes.js';
import {
  ADMIN,
  BLOCKING,
  FAST,
  type KeyArguments,
  type KeySpec,
  MOVABLEKEYS,
  PUBSUB,
  READONLY,
  WRITE,
} from '../command.js';
import type { Command } from '../define.js';

export interface DerivedCommand {
  /** `get`, `config|get`. */
  readonly fullName: string;
  /** The declared flags and those that follow (movablekeys). */
  readonly flags: number;
  /** With their '@', in the order in which COMMAND INFO prints them. */
  readonly aclCategories: readonly string[];
  /** The old-style key range: indexes of the first and last key (negative: from the end) and the step; 0 0 0 without. */
  readonly firstKey: number;
  readonly lastKey: number;
  readonly keyStep: number;
}

/** All ACL categories, in the order in which COMMAND INFO and ACL CAT print them. */
export const ACL_CATEGORIES: readonly string[] = [
  'keyspace',
  'read',
  'write',
  'set',
  'sortedset',
  'list',
  'hash',
  'string',
  'bitmap',
  'hyperloglog',
  'geo',
  'stream',
  'pubsub',
  'admin',
  'fast',
  'slow',
  'blocking',
  'dangerous',
  'connection',
  'transaction',
  'scripting',
];

/** Derives what the declaration implies. `parentFullName` is the container's name for a subcommand. */
export function deriveCommand(declaration: Command, parentFullName?: string): DerivedCommand {
  const legacy = legacyKeyRange(declaration.keys ?? []);
  return {
    fullName: parentFullName === undefined ? declaration.name : `${parentFullName}|${declaration.name}`,
    flags: declaration.flags | (legacy.movable ? MOVABLEKEYS : 0),
    aclCategories: aclCategories(declaration),
    firstKey: legacy.firstKey,
    lastKey: legacy.lastKey,
    keyStep: legacy.keyStep,
  };
}

/** The words of {@link KeySpec.access} that change how keys are found. */
const INCOMPLETE = 'incomplete';
export const NOT_KEY = 'not_key';

function aclCategories(declaration: Command): string[] {
  const has = new Set<string>(declaration.acl ?? []);
  const flags = declaration.flags;
  if ((flags & WRITE) !== 0) has.add('write');
  // A script that only reads is still no plain read.
  if ((flags & READONLY) !== 0 && !has.has('scripting')) has.add('read');
  if ((flags & ADMIN) !== 0) has.add('admin').add('dangerous');
  if ((flags & PUBSUB) !== 0) has.add('pubsub');
  if ((flags & BLOCKING) !== 0) has.add('blocking');
  has.add((flags & FAST) !== 0 ? 'fast' : 'slow');
  return ACL_CATEGORIES.filter((category) => has.has(category)).map((category) => `@${category}`);
}

interface LegacyRange {
  firstKey: number;
  lastKey: number;
  keyStep: number;
  /** The range does not name all keys: clients have to ask COMMAND GETKEYS. */
  movable: boolean;
}

/**
 * The one range that clients older than key specifications understand: a sole plain range as it is, several as long as
 * they follow each other with step 1; whatever does not fit makes the keys movable.
 */
function legacyKeyRange(specs: readonly KeySpec[]): LegacyRange {
  if (specs.length === 0) return { firstKey: 0, lastKey: 0, keyStep: 0, movable: false };
  const only = specs[0];
  if (specs.length === 1 && only.begin.type === 'index' && only.find.type === 'range') {
    const firstKey = only.begin.index;
    const { lastKey, keyStep } = only.find;
    const movable = only.access.includes(INCOMPLETE);
    return { firstKey, lastKey: lastKey >= 0 ? firstKey + lastKey : lastKey, keyStep, movable };
  }
  let first = Number.POSITIVE_INFINITY;
  let last = 0; // compared as unsigned, so that -1 (the end) is the greatest
  let movable = false;
  for (const spec of specs) {
    const { begin, find } = spec;
    if (
      begin.type !== 'index' ||
      find.type !== 'range' ||
      find.keyStep !== 1 ||
      (last !== 0 && last !== begin.index - 1)
    ) {
      movable = true;
      continue;
    }
    movable ||= spec.access.includes(INCOMPLETE);
    first = Math.min(first, begin.index);
    const lastOfSpec = find.lastKey >= 0 ? find.lastKey + begin.index : find.lastKey;
    if (lastOfSpec >>> 0 > last >>> 0) last = lastOfSpec;
  }
  if (first === Number.POSITIVE_INFINITY) return { firstKey: 0, lastKey: 0, keyStep: 0, movable: true };
  return { firstKey: first, lastKey: last, keyStep: 1, movable };
}

/**
 * Pushes the argument indexes of the keys of a request. False when the command takes no keys, the request has none, or
 * they cannot be found because its syntax is wrong; `out` is then left as it was.
 * The request must already have the right number of arguments.
 */
export function findKeyIndexes(command: Command, args: KeyArguments, out: number[]): boolean {
  const specs = command.keys;
  if (specs === undefined) return false;
  if (specs.length === 1 && command.getKeys === undefined) {
    // Most commands: one key at a fixed place, which the arity guarantees.
    const { begin, find } = specs[0];
    if (begin.type === 'index' && find.type === 'range' && find.lastKey === 0) {
      if (specs[0].access.includes(NOT_KEY)) return false;
      out.push(begin.index);
      return true;
    }
  }
  const before = out.length;
  for (let i = 0; i < specs.length; i++) {
    // Some specifications describe what only looks like a key: a shard channel.
    if (specs[i].access.includes(NOT_KEY)) continue;
    if (!pushSpecKeys(specs[i], args, out, undefined)) {
      out.length = before;
      command.getKeys?.(args, out);
      break;
    }
  }
  return out.length > before;
}

/**
 * {@link findKeyIndexes}, with the access flags of each key pushed to `access`. Keys that only the command's own finder
 * sees get the access of the specification that covers them.
 */
export function findKeysWithAccess(command: Command, args: KeyArguments, out: number[], access: string[]): boolean {
  const specs = command.keys ?? [];
  let complete = true;
  for (const spec of specs) {
    if (spec.access.includes(NOT_KEY)) continue;
    const first = out.length;
    if (!pushSpecKeys(spec, args, out, access)) complete = false;
    if (command.keyAccess === undefined || !/\bvariable_flags\b/i.test(spec.access)) continue;
    access.fill(command.keyAccess(args), first);
  }
  if (complete || command.getKeys === undefined) {
    if (!complete) out.length = access.length = 0;
    return out.length > 0;
  }
  const accessOf = new Map(out.map((at, i) => [at, access[i]]));
  out.length = access.length = 0;
  command.getKeys(args, out);
  const fallback =
    specs.findLast((spec) => spec.find.type === 'unknown')?.access ?? specs[specs.length - 1]?.access ?? '';
  for (const at of out) access.push(accessOf.get(at) ?? fallback);
  return out.length > 0;
}

/** Pushes the keys of one specification; false when it cannot name all of them. */
function pushSpecKeys(spec: KeySpec, args: KeyArguments, out: number[], access: string[] | undefined): boolean {
  const { begin, find } = spec;
  const argc = args.argc;
  let first = 0;
  if (begin.type === 'index') first = begin.index;
  else if (begin.type === 'keyword') {
    first = afterKeyword(begin.keyword, begin.startFrom, args);
    if (first === 0) return true;
  } else return false;

  let last: number;
  let step: number;
  if (find.type === 'range') {
    step = find.keyStep;
    if (find.lastKey >= 0) last = first + find.lastKey;
    else if (find.limit === 0) last = argc + find.lastKey;
    else last = first + (((argc - first) / find.limit) | 0) + find.lastKey;
  } else if (find.type === 'keynum') {
    step = find.keyStep;
    const at = first + find.keyNumIndex;
    if (at >= argc) return false;
    const count = parseSafeInt(args.buf, args.start[at], args.end[at]);
    if (!(count >= 0)) return false;
    first += find.firstKey;
    last = first + (count - 1) * step;
  } else return false;

  if (last >= argc || last < first || first >= argc) return false;
  for (let i = first; i <= last; i += step) {
    out.push(i);
    if (access !== undefined) access.push(spec.access);
  }
  return !spec.access.includes(INCOMPLETE);
}

/** The index behind the keyword, searched from `startFrom` on (negative: from the end backwards); 0 when missing. */
function afterKeyword(keyword: string, startFrom: number, args: KeyArguments): number {
  const lower = keyword.toLowerCase();
  const { buf, start, end, argc } = args;
  if (startFrom > 0) {
    for (let i = startFrom; i < argc - 1; i++) if (equalsIgnoreCase(buf, start[i], end[i], lower)) return i + 1;
  } else {
    for (let i = argc + startFrom; i > 1; i--) if (equalsIgnoreCase(buf, start[i], end[i], lower)) return i + 1;
  }
  return 0;
}
