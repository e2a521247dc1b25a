/** Runs one random history on two servers at once and compares every reply and, now and then, everything they hold. */
import { Prng } from '../../../src/base/prng.js';
import { formatOutcome } from '../../support/notation.js';
import { quote } from '../../support/quoting.js';
import { type Outcome, RawClient } from '../../support/rawclient.js';
import type { Reply } from '../../support/resp.js';
import { withoutLastDigits, withShortDoubles } from '../harness/doubles.js';
import { byText, dumpState, sameStateLine } from '../harness/state.js';
import { EventListener } from './events.js';
import { BASIC_COMMANDS, CommandGenerator, type WeightedCommand } from './generator.js';

const CONNECTIONS = 3;
const DATABASES = 3;
const COMMANDS_BETWEEN_DUMPS = 100;
/** How far apart the two servers may be in time when they run the same command. */
const CLOCK_TOLERANCE_MS = 3000;

/** Undefined when the two agreed all along; else what differed, and what had led there. */
export async function compareHistory(
  seed: number,
  commands: number,
  ports: [number, number],
  mix: readonly WeightedCommand[] = BASIC_COMMANDS,
): Promise<string | undefined> {
  const generator = new CommandGenerator(new Prng(seed), CONNECTIONS, mix);
  const sides = await Promise.all(ports.map((port) => openSide(port)));
  const [left, right] = sides as [Side, Side];
  const queued = Array.from({ length: CONNECTIONS }, (): string[][] => []);
  const log: string[] = [];
  const before = await Promise.all(sides.map((side) => changesCounted(side.admin)));
  try {
    for (let i = 1; i <= commands; i++) {
      const { connection, args } = generator.next();
      log.push(`${connection}> ${args.map(quote).join(' ')}`);
      const [ours, theirs] = (await Promise.all([send(left, connection, args), send(right, connection, args)])) as [
        Outcome,
        Outcome,
      ];
      if (!sameOutcome(args, ours, theirs, queued[connection] as string[][])) {
        return report(seed, i, log, formatOutcome(ours), formatOutcome(theirs));
      }
      follow(queued, connection, args, theirs);
      const counted = await Promise.all(sides.map((side) => changesCounted(side.admin)));
      const [ourChanges, theirChanges] = counted.map((now, n) => `${now - (before[n] as number)} changes counted`);
      if (ourChanges !== theirChanges) return report(seed, i, log, ourChanges as string, theirChanges as string);
      const [ourEvents, theirEvents] = await Promise.all(sides.map((side) => side.events.take()));
      if (ourEvents !== theirEvents) return report(seed, i, log, ourEvents as string, theirEvents as string);
      if (i % COMMANDS_BETWEEN_DUMPS !== 0 && i !== commands) continue;
      const [ourState, theirState] = (await Promise.all([
        dumpState(left.admin, DATABASES),
        dumpState(right.admin, DATABASES),
      ])) as [string[], string[]];
      const same =
        ourState.length === theirState.length && ourState.every((line, n) => sameLine(theirState[n] as string, line));
      if (!same) return report(seed, i, log, ourState.join('\n'), theirState.join('\n'));
    }
    return undefined;
  } finally {
    for (const side of sides) for (const client of [side.admin, side.events, ...side.clients]) client.close();
  }
}

/** The number that save points go by: every command must count as many changes as Redis counts. */
async function changesCounted(client: RawClient): Promise<number> {
  const info = await client.call('INFO', 'persistence');
  if (!('text' in info)) throw new Error('INFO did not answer a text');
  return Number(/rdb_changes_since_last_save:(\d+)/.exec(info.text)?.[1]);
}

interface Side {
  readonly admin: RawClient;
  readonly clients: readonly RawClient[];
  readonly events: EventListener;
}

async function openSide(port: number): Promise<Side> {
  const admin = await RawClient.connect(port);
  await admin.call('FLUSHALL');
  // What the stream commands of an earlier history may have changed.
  await admin.call('CONFIG', 'SET', 'stream-node-max-entries', '100', 'stream-node-max-bytes', '4096');
  // Histories change these.
  await admin.call('CONFIG', 'SET', 'list-max-listpack-size', '-2', 'list-compress-depth', '0');
  await admin.call('CONFIG', 'SET', 'hash-max-listpack-entries', '512');
  await admin.call('CONFIG', 'SET', 'set-max-intset-entries', '512');
  const clients: RawClient[] = [];
  for (let i = 0; i < CONNECTIONS; i++) clients.push(await RawClient.connect(port));
  return { admin, clients, events: await EventListener.open(port) };
}

function send(side: Side, connection: number, args: readonly string[]): Promise<Outcome> {
  const client = side.clients[connection] as RawClient;
  client.send(...args);
  return client.read();
}

/** Remembers what EXEC will answer for. */
function follow(queued: string[][][], connection: number, args: readonly string[], reply: Outcome): void {
  if (args[0] === 'MULTI' || args[0] === 'EXEC' || args[0] === 'DISCARD') {
    // A nested MULTI is an error and leaves the queue alone.
    if (!(args[0] === 'MULTI' && reply.type === 'error')) queued[connection] = [];
  } else if (reply.type === 'simple' && reply.text === 'QUEUED') {
    queued[connection]?.push([...args]);
  }
}

function sameOutcome(args: readonly string[], ours: Outcome, theirs: Outcome, queued: readonly string[][]): boolean {
  if (args[0] === 'EXEC' && ours.type === 'array' && theirs.type === 'array') {
    if (ours.items.length !== theirs.items.length) return false;
    return ours.items.every((item, i) => sameOutcome(queued[i] ?? [], item, theirs.items[i] as Reply, []));
  }
  if (ours.type !== theirs.type) return false;
  switch (args[0]) {
    case 'TTL':
    case 'EXPIRETIME':
      return near(ours, theirs, CLOCK_TOLERANCE_MS / 1000);
    case 'PTTL':
    case 'PEXPIRETIME':
      return near(ours, theirs, CLOCK_TOLERANCE_MS);
    case 'XPENDING':
      return formatOutcome(withoutIdleTimes(ours)) === formatOutcome(withoutIdleTimes(theirs));
    case 'RANDOMKEY':
      return true;
    case 'SRANDMEMBER':
    case 'HRANDFIELD':
      return shape(ours) === shape(theirs);
    case 'KEYS':
    case 'SCAN':
    case 'HGETALL':
    case 'HKEYS':
    case 'HVALS':
    case 'HSCAN':
    case 'SMEMBERS':
    case 'SUNION':
    case 'SINTER':
    case 'SDIFF':
    case 'SPOP':
    case 'SSCAN':
    case 'ZSCAN':
      return formatOutcome(sorted(ours)) === formatOutcome(sorted(theirs));
    case 'OBJECT':
      return formatOutcome(ours) === formatOutcome(theirs) || newerEncoding(ours, theirs);
    default:
      return sameText(args, formatOutcome(ours), formatOutcome(theirs));
  }
}

/** Before 7.2 there were no lists and sets in listpacks; dumps look closer (harness/state.ts). */
function newerEncoding(ours: Outcome, theirs: Outcome): boolean {
  const names = [ours, theirs].map((outcome) => ('text' in outcome ? outcome.text : ''));
  return names[0] === 'listpack' && (names[1] === 'quicklist' || names[1] === 'hashtable');
}

/** How many elements a reply has; errors and nothing tell all of themselves. */
function shape(outcome: Outcome): string {
  if (outcome.type === 'array') return `array of ${outcome.items.length}`;
  return outcome.type === 'bulk' ? outcome.type : formatOutcome(outcome);
}

/** Entries as XPENDING replies them: id, consumer, idle time, deliveries. */
function withoutIdleTimes(outcome: Outcome): Outcome {
  if (outcome.type !== 'array') return outcome;
  const items = outcome.items.map((item): Reply => {
    if (item.type !== 'array' || item.items.length !== 4) return item;
    return { ...item, items: item.items.filter((_, i) => i !== 2) };
  });
  return { type: 'array', items };
}

/** Commands that reply scores. */
const SCORING = /^(Z|BZ|GEO)/;

function sameText(args: readonly string[], ours: string, theirs: string): boolean {
  return ours === theirs || (SCORING.test(args[0] as string) && ours === withShortDoubles(theirs));
}

function sameLine(theirs: string, ours: string): boolean {
  if (sameStateLine(theirs, ours)) return true;
  if (!/ zset (listpack|skiplist) /.test(theirs)) return false;
  const expected = withShortDoubles(theirs);
  return sameStateLine(expected, ours) || sameStateLine(withoutLastDigits(expected), withoutLastDigits(ours));
}

function near(ours: Outcome, theirs: Outcome, tolerance: number): boolean {
  if (ours.type !== 'integer' || theirs.type !== 'integer') return formatOutcome(ours) === formatOutcome(theirs);
  const [left, right] = [Number(ours.text), Number(theirs.text)];
  return left < 0 || right < 0 ? left === right : Math.abs(left - right) <= tolerance;
}

function sorted(outcome: Outcome): Outcome {
  if (outcome.type !== 'array') return outcome;
  return { type: 'array', items: outcome.items.map((item) => sorted(item) as Reply).sort(byText) };
}

function report(seed: number, at: number, log: readonly string[], ours: string, theirs: string): string {
  const recent = log.slice(-25).join('\n');
  return `seed ${seed}, after command ${at}\n${recent}\nthis server:\n${ours}\nredis-server:\n${theirs}`;
}
