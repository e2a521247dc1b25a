/**
 * Every command that a real redis-server lists is either here and described in the same way, or named in README.md with the
 * issue that owes it.
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Harness } from '../net/harness.js';
import { applyViews } from '../spec/harness/views.js';
import { formatReply, textOf } from '../support/notation.js';
import type { RunningServer } from '../support/process.js';
import { RawClient } from '../support/rawclient.js';
import { redisServerOnPath, skipLoudly, startRedis } from '../support/redis.js';
import type { Reply } from '../support/resp.js';
import { REQUESTS } from './requests.js';

/** Where we follow Redis 7.2 and the real server is 7.0: what it says there, and why it differs. */
const NEWER_THAN_THE_REAL_SERVER: Readonly<Record<string, string>> = {
  'info zrank': 'WITHSCORE',
  'docs zrank': 'WITHSCORE',
  'info zrevrank': 'WITHSCORE',
  'docs zrevrank': 'WITHSCORE',
  'docs geohash': 'no member need be named',
  'docs geopos': 'no member need be named',
  'docs georadius': 'the keys behind STORE and STOREDIST have names of their own',
  'docs georadiusbymember': 'the keys behind STORE and STOREDIST have names of their own',
};

const ADDED_BY_REDIS_7_2: ReadonlySet<string> = new Set([
  'client|no-touch',
  'client|setinfo',
  'cluster|myshardid',
  'waitaof',
]);

/** Atomic moves of slots, after Valkey 9. */
const ADDED_BY_US: ReadonlySet<string> = new Set([
  'cluster|cancelslotmigrations',
  'cluster|getslotmigrations',
  'cluster|migrateslots',
  'cluster|syncslots',
]);

/** Groups whose commands issue 4 builds: what is missing of them is owed by it, until it is there. */
const GROUPS_OF_ISSUE_4: ReadonlySet<string> = new Set([
  'bitmap',
  'connection',
  'generic',
  'geo',
  'hash',
  'hyperloglog',
  'list',
  'pubsub',
  'server',
  'set',
  'sorted-set',
  'stream',
  'string',
  'transactions',
]);

/** By full name (`config|get`), in the lines of a view of test/spec/harness/views.ts. */
type Described = ReadonlyMap<string, string>;

interface Commands {
  readonly info: Described;
  readonly docs: Described;
  readonly groups: ReadonlyMap<string, string>;
}

function entriesOf(reply: Reply): readonly (readonly [Reply, Reply])[] {
  if (reply.type !== 'map') throw new Error(`a map was expected, not ${formatReply(reply)}`);
  return reply.entries;
}

function viewed(view: string, reply: Reply): Reply {
  const outcome = applyViews(new Set([view]), reply);
  if (outcome.type === 'closed' || outcome.type === 'timeout') throw new Error(outcome.type);
  return outcome;
}

const GROUPS: ReadonlySet<string> = new Set(['block', 'oneof']);

/** Without the names of groups of arguments, which nobody types: 7.2 has renamed most of them. */
function withoutGroupNames(reply: Reply): Reply {
  if (reply.type === 'array' || reply.type === 'set') return { ...reply, items: reply.items.map(withoutGroupNames) };
  if (reply.type !== 'map') return reply;
  const isGroup = reply.entries.some(([field, value]) => textOf(field) === 'type' && GROUPS.has(textOf(value)));
  const entries = reply.entries.filter(([field]) => !isGroup || textOf(field) !== 'name');
  return { type: 'map', entries: entries.map(([field, value]) => [field, withoutGroupNames(value)]) };
}

/** Reads the replies to COMMAND and COMMAND DOCS in RESP3. */
function describeCommands(info: Reply, docs: Reply): Commands {
  const described = new Map(
    entriesOf(viewed('commands', info)).map(([name, lines]) => [textOf(name), formatReply(lines)]),
  );
  const documented = new Map<string, string>();
  const groups = new Map<string, string>();
  const add = (entries: readonly (readonly [Reply, Reply])[]): void => {
    for (const [name, doc] of entries) {
      const fields = new Map(entriesOf(doc).map(([field, value]) => [textOf(field), value]));
      const subcommands = fields.get('subcommands');
      if (subcommands !== undefined) add(entriesOf(subcommands));
      const own = entriesOf(viewed('docs', doc)).filter(([field]) => textOf(field) !== 'subcommands');
      documented.set(textOf(name), formatReply(withoutGroupNames({ type: 'map', entries: own })));
      const group = fields.get('group');
      if (group !== undefined) groups.set(textOf(name), textOf(group));
    }
  };
  add(entriesOf(docs));
  return { info: described, docs: documented, groups };
}

/** Sends a request, in RESP3. */
type Call = (...args: string[]) => Reply | Promise<Reply>;

async function describedBy(call: Call): Promise<Commands> {
  return describeCommands(await call('COMMAND'), await call('COMMAND', 'DOCS'));
}

/** The table of README.md: which issue owes which commands. */
function owedByIssue(): ReadonlyMap<string, string> {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const section = /### Commands that are still missing\n([\s\S]*?)\n##/.exec(readme)?.[1] ?? '';
  const owed = new Map<string, string>();
  for (const [, issue, names] of section.matchAll(/^\| (\d+|later) .*?\| (.*?)\s*\|$/gm)) {
    for (const name of (names as string).matchAll(/`([^`]+)`/g)) {
      owed.set((name[1] as string).toLowerCase().replace(' ', '|'), issue as string);
    }
  }
  return owed;
}

const version = redisServerOnPath();
const comparable = version?.startsWith('7.0.') === true;
if (!comparable) skipLoudly('the comparison of COMMAND with redis-server 7.0');

describe.skipIf(!comparable)('the commands of redis-server', () => {
  let real: Commands;
  let ours: Commands;
  let server: RunningServer;
  let client: RawClient;
  const harness = new Harness();
  const stream = harness.connect();
  const callShoal: Call = (...args) => harness.call(stream, ...args);
  const callRedis: Call = (...args) => client.call(...args);
  const owed = owedByIssue();
  beforeAll(async () => {
    server = await startRedis();
    client = await RawClient.connect(server.port);
    for (const call of [callRedis, callShoal]) await call('HELLO', '3');
    real = await describedBy(callRedis);
    ours = await describedBy(callShoal);
  });
  afterAll(async () => {
    client.close();
    await server.stop();
  });

  const missing = (): string[] =>
    [...real.info.keys()].filter(
      (name) => !ours.info.has(name) && ours.info.has(name.split('|')[0]) === name.includes('|'),
    );

  it('are here, or README.md says which issue owes them', () => {
    const unclaimed = missing().filter((name) => !owed.has(name));
    const ofIssue4 = unclaimed.filter((name) => GROUPS_OF_ISSUE_4.has(real.groups.get(name) ?? ''));
    if (ofIssue4.length > 0) process.stderr.write(`\nissue 4 still owes ${ofIssue4.length}: ${ofIssue4.join(' ')}\n`);
    expect(unclaimed.filter((name) => !ofIssue4.includes(name))).toEqual([]);
  });

  it('are not called missing by README.md when they are here', () => {
    expect([...owed.keys()].filter((name) => ours.info.has(name))).toEqual([]);
    expect([...owed.keys()].filter((name) => !real.info.has(name))).toEqual([]);
  });

  const differing = (part: 'info' | 'docs'): string[] =>
    [...real[part].keys()].filter(
      (name) =>
        ours[part].has(name) &&
        ours[part].get(name) !== real[part].get(name) &&
        NEWER_THAN_THE_REAL_SERVER[`${part} ${name}`] === undefined,
    );

  it('have the same arity, flags, keys, ACL categories and tips', () => {
    const differences = differing('info').map((name) => `${name}: ${ours.info.get(name)} not ${real.info.get(name)}`);
    expect(differences).toEqual([]);
  });

  it('have the same documentation, its prose aside', () => {
    const differences = differing('docs').map((name) => `${name}: ${ours.docs.get(name)} not ${real.docs.get(name)}`);
    expect(differences).toEqual([]);
  });

  it('have the same keys in the same requests', async () => {
    const differences: string[] = [];
    for (const request of REQUESTS) {
      const words = request.split(' ');
      if (!ours.info.has(words[0] as string)) continue;
      for (const form of ['GETKEYS', 'GETKEYSANDFLAGS']) {
        const [theirs, mine] = [await callRedis('COMMAND', form, ...words), await callShoal('COMMAND', form, ...words)];
        const [wanted, found] = [formatReply(theirs), formatReply(mine)];
        if (wanted !== found) differences.push(`${form} ${request}: ${found} not ${wanted}`);
      }
    }
    expect(differences).toEqual([]);
  });

  it('are more here only by what Redis 7.2 added, and by what moves slots', () => {
    const more = [...ours.info.keys()].filter((name) => !real.info.has(name));
    expect(more.filter((name) => !ADDED_BY_REDIS_7_2.has(name) && !ADDED_BY_US.has(name))).toEqual([]);
  });

  it('differ only where that is still true', () => {
    const same = Object.keys(NEWER_THAN_THE_REAL_SERVER).filter((key) => {
      const [part, name] = key.split(' ') as ['info' | 'docs', string];
      return ours[part].get(name) === real[part].get(name);
    });
    expect(same).toEqual([]);
  });
});
