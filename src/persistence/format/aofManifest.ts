/**
 * The manifest of an append-only folder: which files hold the data, in which order.
 *
 *   file appendonly.aof.2.base.aof seq 2 type b      the snapshot, at most one
 *   file appendonly.aof.1.incr.aof seq 1 type h      history: superseded, to be deleted
 *   file appendonly.aof.2.incr.aof seq 2 type i      the commands since, oldest first
 *
 * Manifests are values: every change gives a new one, so that a change that could not be written is simply dropped.
 */
import { quoteArg, splitArgs } from '../../base/splitArgs.js';

export interface AofFileEntry {
  /** A bare file name inside the folder. */
  readonly name: string;
  readonly seq: number;
}

export interface AofManifest {
  readonly base: AofFileEntry | undefined;
  readonly history: readonly AofFileEntry[];
  /** By ascending `seq`; the last one is being written. */
  readonly incr: readonly AofFileEntry[];
}

/** Why a manifest was not understood, in redis-server's words. */
export interface ManifestError {
  /** From 1; 0 when the fault is not in a line. */
  readonly lineNumber: number;
  readonly line: string;
  readonly error: string;
}

export const EMPTY_MANIFEST: AofManifest = { base: undefined, history: [], incr: [] };

/** Longest line, its newline included. */
const LINE_BYTES_MAX = 1024;

/** A name that stands in a line as it is; any other goes in quotes. */
const PLAIN = /^[!#-&(-[\]-~]+$/;
const OUTER_BLANKS = /^[ \t\r\n]+|[ \t\r\n]+$/g;
const INCR_SUFFIX = '.incr.aof';
const INVALID_FORMAT = 'Invalid AOF manifest file format';

export function manifestName(appendFileName: string): string {
  return `${appendFileName}.manifest`;
}

/** Where a manifest is written before it is renamed into place. */
export function tempManifestName(appendFileName: string): string {
  return `temp-${appendFileName}.manifest`;
}

/** Where commands are collected while the first base file is being made. */
export function tempIncrName(appendFileName: string): string {
  return `temp-${appendFileName}.incr`;
}

/** Where a base file is written before it is renamed into place. */
export function tempBaseName(pid: number): string {
  return `temp-rewriteaof-bg-${pid}.aof`;
}

/** What a server that was killed left of a base file. */
export const TEMP_BASE = /^temp-rewriteaof-(?:bg-)?\d+\.aof$/;

/** Reads the text of a manifest. */
export function parseManifest(bytes: Uint8Array): AofManifest | ManifestError {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  if (text === '') return { lineNumber: 0, line: '', error: 'Found an empty AOF manifest' };
  let base: AofFileEntry | undefined;
  const history: AofFileEntry[] = [];
  const incr: AofFileEntry[] = [];
  let lineNumber = 0;
  for (let at = 0; at < text.length; ) {
    lineNumber++;
    const newline = text.indexOf('\n', at);
    const end = newline < 0 ? text.length : newline + 1;
    const line = text.slice(at, end).replace(OUTER_BLANKS, '');
    const isComment = text[at] === '#';
    if (!isComment && (newline < 0 || end - at > LINE_BYTES_MAX)) {
      return { lineNumber, line, error: 'The AOF manifest file contains too long line' };
    }
    at = end;
    if (isComment) continue;
    const parsed = parseLine(line);
    if (typeof parsed === 'string') return { lineNumber, line, error: parsed };
    const { entry, type } = parsed;
    if (type === 'b') {
      if (base !== undefined) return { lineNumber, line, error: 'Found duplicate base file information' };
      base = entry;
    } else if (type === 'h') {
      history.push(entry);
    } else if (type === 'i') {
      if (entry.seq <= (incr.at(-1)?.seq ?? 0)) {
        return { lineNumber, line, error: 'Found a non-monotonic sequence number' };
      }
      incr.push(entry);
    } else {
      return { lineNumber, line, error: 'Unknown AOF file type' };
    }
  }
  return { base, history, incr };
}

/** The text of a manifest: base first, then history, then incremental files. */
export function printManifest(manifest: AofManifest): Uint8Array {
  let text = '';
  if (manifest.base !== undefined) text += printLine(manifest.base, 'b');
  for (const entry of manifest.history) text += printLine(entry, 'h');
  for (const entry of manifest.incr) text += printLine(entry, 'i');
  return Buffer.from(text, 'latin1');
}

/** How a base file is written. */
export type AofBaseFormat = 'rdb' | 'aof';

/** With a new base file; the old one becomes history. */
export function withNewBase(manifest: AofManifest, appendFileName: string, format: AofBaseFormat): AofManifest {
  const seq = Math.max(manifest.base?.seq ?? 0, lastHistory(manifest, false)) + 1;
  const base = { name: `${appendFileName}.${seq}.base.${format}`, seq };
  const history = manifest.base === undefined ? manifest.history : [manifest.base, ...manifest.history];
  return { base, history, incr: manifest.incr };
}

/** What a new base holds becomes history: the incremental files before the last `kept`. */
export function withOldIncrAsHistory(manifest: AofManifest, kept: number): AofManifest {
  const { base, history, incr } = manifest;
  const oldCount = incr.length - kept;
  return { base, history: [...incr.slice(0, oldCount), ...history], incr: incr.slice(oldCount) };
}

/** With one more incremental file behind the others. */
export function withNewIncr(manifest: AofManifest, appendFileName: string): AofManifest {
  const seq = Math.max(manifest.incr.at(-1)?.seq ?? 0, lastHistory(manifest, true)) + 1;
  const entry = { name: `${appendFileName}.${seq}${INCR_SUFFIX}`, seq };
  return { ...manifest, incr: [...manifest.incr, entry] };
}

/** The greatest number among the base or incremental files of the history: no name may come again while they are there. */
function lastHistory({ history }: AofManifest, isIncr: boolean): number {
  const entries = history.filter(({ name }) => name.endsWith(INCR_SUFFIX) === isIncr);
  return Math.max(0, ...entries.map(({ seq }) => seq));
}

/** Without these files of its history. */
export function withoutHistory(manifest: AofManifest, removed: readonly AofFileEntry[]): AofManifest {
  return { ...manifest, history: manifest.history.filter(({ name }) => !removed.some((entry) => entry.name === name)) };
}

/**
 * A history entry that no rewrite can have left, if there is one. History is deleted, and `i` and `h` are one bit apart,
 * so it has to make sense: a rewrite makes the base's number 2 or more, turns the old base into history together with
 * the incremental files behind it, and leaves only younger ones.
 */
export function doubtfulHistory(manifest: AofManifest): AofFileEntry | undefined {
  const { base, history, incr } = manifest;
  const incrHistory = history.filter((entry) => entry.name.endsWith(INCR_SUFFIX));
  if (incr.length > 0) {
    const younger = incrHistory.find((entry) => entry.seq > incr[0].seq);
    if (younger !== undefined) return younger;
  }
  const holdsOldBase = incrHistory.length < history.length;
  if (holdsOldBase || (incr.length > 0 && base !== undefined && base.seq > 1)) return undefined;
  return incrHistory[0];
}

interface ParsedLine {
  readonly entry: AofFileEntry;
  readonly type: string;
}

/** The entry of one line, or what is wrong with it. Unknown pairs are left aside: later versions may add some. */
function parseLine(line: string): ParsedLine | string {
  const words = splitArgs(line);
  if (words === undefined || words.length < 6 || words.length % 2 !== 0) return INVALID_FORMAT;
  let name: string | undefined;
  let seq = 0;
  let type = '';
  for (let i = 0; i < words.length; i += 2) {
    const value = words[i + 1];
    const key = words[i].toLowerCase();
    if (key === 'file') {
      if (/[/\\]/.test(value)) return "File can't be a path, just a filename";
      name = Buffer.from(value, 'latin1').toString('utf8');
    } else if (key === 'seq') {
      seq = Number(/^\s*[+-]?\d+/.exec(value)?.[0] ?? 0);
    } else if (key === 'type') {
      type = value.charAt(0);
    }
  }
  if (!name || seq === 0 || !Number.isSafeInteger(seq) || type === '') return INVALID_FORMAT;
  return { entry: { name, seq }, type };
}

function printLine(entry: AofFileEntry, type: string): string {
  const name = Buffer.from(entry.name, 'utf8').toString('latin1');
  return `file ${PLAIN.test(name) ? name : quoteArg(name)} seq ${entry.seq} type ${type}\n`;
}
