/**
 * Everything the databases hold, as text: one line for each key with its type, its encoding, its value read by the
 * command of its type, and its expiry.
 *
 *     db0 "k" string embstr "v" ttl 100s
 *     db0 "l" list listpack ["a", "b"]
 *     db3 "k" string int "12" at 9999999999000
 *
 * Before 7.2 Redis had no listpacks for lists and sets: what an older server keeps otherwise is shown as
 * `listpack/quicklist` or `listpack/hashtable`, and equals either.
 *
 * `ttl` is rounded up to seconds and compared with a tolerance; an expiry after 2100 is absolute: `at` milliseconds.
 */
import { createHash } from 'node:crypto';
import { formatReply, textOf } from '../../support/notation.js';
import { matches, parsePatterns } from '../../support/pattern.js';
import { quote } from '../../support/quoting.js';
import type { RawClient } from '../../support/rawclient.js';
import type { Reply } from '../../support/resp.js';

/** More keys than this in one database are shown by number and hash. */
const MOST_KEYS = 60;
const YEAR_2100_MS = 4102444800000;

export async function dumpState(client: RawClient, databases: number): Promise<string[]> {
  const listings: string[][] = [];
  for (let db = 0; db < databases; db++) listings.push(['SELECT', String(db)], ['KEYS', '*']);
  // One database and no SELECT: a cluster node.
  const replies = await client.pipeline(databases === 1 ? [['KEYS', '*']] : listings);
  const lines: string[] = [];
  const old = await isBefore72(client);
  for (let db = 0; db < databases; db++) {
    const keys = textsOf(databases === 1 ? replies[0] : replies[db * 2 + 1]).sort();
    if (keys.length === 0) continue;
    if (databases > 1) await client.call('SELECT', String(db));
    lines.push(...(await dumpDatabase(client, db, keys, old)));
  }
  if (databases > 1) await client.call('SELECT', '0');
  return lines;
}

async function isBefore72(client: RawClient): Promise<boolean> {
  const [, major, minor] = /redis_version:(\d+)\.(\d+)/.exec(textOf(await client.call('INFO', 'server'))) ?? [];
  return Number(major) < 7 || (Number(major) === 7 && Number(minor) < 2);
}

/** The name of an encoding, or both names where an older server does not tell which it would be today. */
function encodingOf(type: string, encoding: string, old: boolean): string {
  const grown = (type === 'list' && encoding === 'quicklist') || (type === 'set' && encoding === 'hashtable');
  return old && grown ? `listpack/${encoding}` : encoding;
}

async function dumpDatabase(client: RawClient, db: number, keys: readonly string[], old: boolean): Promise<string[]> {
  const types = await client.pipeline(keys.map((key) => ['TYPE', key]));
  const requests = keys.flatMap((key, i) => [
    ['OBJECT', 'ENCODING', key],
    readCommand(textOf(types[i]), key),
    ['PTTL', key],
    ['PEXPIRETIME', key],
  ]);
  const replies = await client.pipeline(requests);
  const lines: string[] = [];
  keys.forEach((key, i) => {
    const type = textOf(types[i]);
    if (type === 'none') return;
    const [encoding, value, pttl, expireAt] = replies.slice(i * 4, i * 4 + 4) as [Reply, Reply, Reply, Reply];
    const shown = formatReply(sortedValue(type, value)).replaceAll(/\n */g, ' ');
    const kept = encodingOf(type, textOf(encoding), old);
    lines.push(`db${db} ${quote(key)} ${type} ${kept} ${shown}${expiry(pttl, expireAt)}`);
  });
  if (keys.length <= MOST_KEYS) return lines;
  const sameEverywhere = (line: string): string => line.replace(/ ttl \d+s$/, '').replace(/" (list|set) \S+ /, '" $1 ');
  const withoutTtl = lines.map(sameEverywhere).join('\n');
  return [`db${db} ${lines.length} keys ${createHash('sha1').update(withoutTtl, 'latin1').digest('hex')}`];
}

function readCommand(type: string, key: string): string[] {
  switch (type) {
    case 'string':
      return ['GET', key];
    case 'list':
      return ['LRANGE', key, '0', '-1'];
    case 'hash':
      return ['HGETALL', key];
    case 'set':
      return ['SMEMBERS', key];
    case 'zset':
      return ['ZRANGE', key, '0', '-1', 'WITHSCORES'];
    case 'stream':
      return ['XRANGE', key, '-', '+'];
    default:
      return ['EXISTS', key];
  }
}

/** Sets and hashes have no order of their own. */
function sortedValue(type: string, value: Reply): Reply {
  if (value.type !== 'array') return value;
  if (type === 'set') return { ...value, items: value.items.toSorted(byText) };
  if (type !== 'hash') return value;
  const pairs: [Reply, Reply][] = [];
  for (let i = 0; i < value.items.length; i += 2) pairs.push([value.items[i] as Reply, value.items[i + 1] as Reply]);
  return { ...value, items: pairs.sort((a, b) => byText(a[0], b[0])).flat() };
}

export function byText(a: Reply, b: Reply): number {
  const left = formatReply(a);
  const right = formatReply(b);
  return left < right ? -1 : left > right ? 1 : 0;
}

function expiry(pttl: Reply, expireAt: Reply): string {
  const atMs = Number(textOf(expireAt));
  if (atMs > YEAR_2100_MS) return ` at ${textOf(expireAt)}`;
  const leftMs = Number(textOf(pttl));
  return leftMs < 0 ? '' : ` ttl ${Math.ceil(leftMs / 1000)}s`;
}

function textsOf(reply: Reply | undefined): string[] {
  return reply !== undefined && 'items' in reply ? reply.items.map(textOf) : [];
}

const LINE = /^((?:[a-d] )?db\d+ (?:"(?:[^"\\]|\\.)*" \S+ \S+|\d+ keys)) (.*?)(?: ttl (\d+)s)?$/;
const EITHER_ENCODING = /^((?:[a-d] )?db\d+ "(?:[^"\\]|\\.)*" \S+) (\w+)\/(\w+)$/;

/** Whether key, type and encoding are the same. */
function sameHead(want: string, have: string): boolean {
  if (want === have) return true;
  const either = EITHER_ENCODING.exec(have) ?? EITHER_ENCODING.exec(want);
  const other = EITHER_ENCODING.test(have) ? want : have;
  return either !== null && (other === `${either[1]} ${either[2]}` || other === `${either[1]} ${either[3]}`);
}

/** Whether one line of an actual state is what the expected line says, TTLs within 5 % or 3 s. */
export function sameStateLine(expected: string, actual: string): boolean {
  if (expected === actual) return true;
  const want = LINE.exec(expected);
  const have = LINE.exec(actual);
  if (want === null || have === null || !sameHead(want[1] as string, have[1] as string)) return false;
  if ((want[3] === undefined) !== (have[3] === undefined)) return false;
  if (want[3] !== undefined) {
    const seconds = Number(want[3]);
    if (Math.abs(seconds - Number(have[3])) > Math.max(3, seconds * 0.05)) return false;
  }
  return want[2] === have[2] || sameValue(want[2] as string, have[2] as string);
}

/** The expected value may be a mask; what it is compared with is the notation of a bulk. */
function sameValue(want: string, have: string): boolean {
  if (!/^[<~]/.test(want)) return false;
  const pattern = parsePatterns(want)[0];
  const actual = parsePatterns(have)[0];
  if (pattern === undefined || actual?.kind !== 'text') return false;
  return matches(pattern, { type: 'bulk', text: actual.text }, new Map());
}
