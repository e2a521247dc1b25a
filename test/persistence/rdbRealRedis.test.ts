/** Values travel by DUMP and RESTORE between our server and a real one, both ways, and are the same afterwards. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/prng.js';
import { dumpState } from '../spec/harness/state.js';
import { textOf } from '../support/notation.js';
import type { RunningServer } from '../support/process.js';
import { RawClient } from '../support/rawclient.js';
import { redisServerOnPath, skipLoudly, startRedis } from '../support/redis.js';
import { startShoal } from '../support/shoal.js';

const title = 'DUMP and RESTORE between shoal-server and redis-server';
const DEBUGGING = ['--enable-debug-command', 'yes'];
/** More: SHOAL_RANDOM_HISTORIES. */
const ROUNDS = Number(process.env.SHOAL_RANDOM_HISTORIES ?? 12);

function word(random: Prng): string {
  const kinds = [
    () => String(random.below(200_000) - 100_000),
    () => String(BigInt(random.nextU32()) * 4294967296n - 9223372036854775808n),
    () => `word ${random.below(100_000)}`,
    () => 'again and '.repeat(random.below(30)) + random.below(1000),
    () => Array.from({ length: random.below(40) }, () => String.fromCharCode(random.below(256))).join(''),
  ];
  return (kinds[random.below(kinds.length)] as () => string)();
}

function words(random: Prng, count: number): string[] {
  return Array.from({ length: count }, () => word(random));
}

/** Commands that make a few keys of every type, some of them long. */
function history(random: Prng): string[][] {
  const size = (): number => 1 + random.below(random.below(4) === 0 ? 1200 : 60);
  const score = (): string => (['inf', '-inf', '0', '1e15', '-2.5', '3'] as const)[random.below(6)] ?? '0';
  const pairs = words(random, size()).flatMap((field) => [field, word(random)]);
  const commands = [
    ['SET', 'string', words(random, random.below(50)).join('')],
    ['SET', 'number', word(random)],
    ['RPUSH', 'list', ...words(random, size())],
    ['LPUSH', 'list', ...words(random, 3)],
    ['SADD', 'set', ...words(random, size())],
    ['SADD', 'ints', ...Array.from({ length: size() }, () => String(random.below(1e9)))],
    ['HSET', 'hash', ...pairs],
    ['ZADD', 'zset', ...words(random, size()).flatMap((member) => [score(), member])],
    ['PFADD', 'hll', ...words(random, size())],
    ['XGROUP', 'CREATE', 'stream', 'group', '0', 'MKSTREAM'],
    ['XGROUP', 'CREATE', 'stream', 'other', '$'],
  ];
  const entries = size();
  for (let i = 1; i <= entries; i++) {
    const own = random.below(3) === 0 ? [word(random), word(random)] : [];
    commands.push(['XADD', 'stream', `${1000 + i * 2}-${random.below(3)}`, 'field', word(random), ...own]);
  }
  for (const name of ['one', 'two', 'idle']) commands.push(['XGROUP', 'CREATECONSUMER', 'stream', 'group', name]);
  commands.push(['XREADGROUP', 'GROUP', 'group', 'one', 'COUNT', String(entries >> 1), 'STREAMS', 'stream', '>']);
  commands.push(['XREADGROUP', 'GROUP', 'group', 'two', 'COUNT', '3', 'STREAMS', 'stream', '>']);
  for (let i = 0; i < entries; i += 5) commands.push(['XDEL', 'stream', `${1000 + i * 2}-0`]);
  commands.push(['XACK', 'stream', 'group', '1002-0', '1002-1']);
  return commands;
}

/** All that is held, without the names of encodings, which differ between 7.0 and 7.2. */
async function contents(client: RawClient): Promise<string[]> {
  const lines = await dumpState(client, 1);
  const groups = await client.call('XINFO', 'GROUPS', 'stream');
  const pending = await client.pipeline([
    ['XPENDING', 'stream', 'group'],
    ['XLEN', 'stream'],
    ['XINFO', 'STREAM', 'stream'],
  ]);
  const [summary, length, info] = pending.map((reply) => JSON.stringify(reply));
  const plain = lines.map((line) => line.replace(/^(\S+ "\w+" \w+) \S+/, '$1'));
  return [...plain, JSON.stringify(groups), summary as string, length as string, withoutTree(info as string)];
}

/** How many nodes its tree has is a server's own affair. */
function withoutTree(streamInfo: string): string {
  return streamInfo.replace(/\{"type":"bulk","text":"radix-tree.*?"last-generated-id"/, '"last-generated-id"');
}

/** Groups and consumers of the stream with all their times. */
async function details(client: RawClient): Promise<string> {
  return withoutTree(JSON.stringify(await client.call('XINFO', 'STREAM', 'stream', 'FULL', 'COUNT', '0')));
}

async function carry(from: RawClient, to: RawClient): Promise<void> {
  const keys = await from.call('KEYS', '*');
  const names = 'items' in keys ? keys.items.map(textOf) : [];
  await to.call('FLUSHALL');
  for (const name of names) {
    const payload = textOf(await from.call('DUMP', name));
    const reply = await to.call('RESTORE', name, '0', payload);
    if (textOf(reply) !== 'OK') throw new Error(`RESTORE ${name}: ${JSON.stringify(reply)}`);
  }
}

if (redisServerOnPath() === undefined) {
  skipLoudly(title);
  describe.skip(`${title} [no redis-server on PATH]`, () => it.skip('is skipped', () => {}));
} else {
  describe(title, () => {
    let servers: RunningServer[] = [];
    let clients: RawClient[] = [];
    beforeAll(async () => {
      servers = await Promise.all([startShoal(DEBUGGING), startRedis(DEBUGGING)]);
      clients = await Promise.all(servers.map((server) => RawClient.connect(server.port)));
      for (const client of clients) await client.call('CONFIG', 'SET', 'sanitize-dump-payload', 'yes');
    });
    afterAll(async () => {
      for (const client of clients) client.close();
      await Promise.all(servers.map((server) => server.stop()));
    });

    it('keeps every value as it was', async () => {
      const [ours, theirs] = clients as [RawClient, RawClient];
      for (let seed = 1; seed <= ROUNDS; seed++) {
        const commands = history(new Prng(seed));
        for (const client of [ours, theirs]) {
          await client.call('FLUSHALL');
          await client.pipeline(commands);
        }
        const original = await contents(theirs);
        const originalDetails = await details(theirs);
        expect(await contents(ours)).toEqual(original);
        await carry(theirs, ours);
        expect(await contents(ours)).toEqual(original);
        await carry(ours, theirs);
        expect(await contents(theirs)).toEqual(original);
        expect(await details(theirs)).toEqual(originalDetails);
      }
    });

    it.each([0, 1, 3])('keeps long lists, list-compress-depth %i', async (depth) => {
      const [ours, theirs] = clients as [RawClient, RawClient];
      const random = new Prng(depth + 1);
      for (const client of [ours, theirs]) {
        await client.call('CONFIG', 'SET', 'list-compress-depth', String(depth));
      }
      for (const fill of ['-1', '-2', '1', '7', '100']) {
        const commands = edits(random);
        const before = random.below(2) === 0 ? '0' : '90';
        for (const client of [ours, theirs]) {
          await client.call('FLUSHALL');
          await client.call('CONFIG', 'SET', 'list-max-listpack-size', fill);
          await client.call('DEBUG', 'QUICKLIST-PACKED-THRESHOLD', before);
          await client.pipeline(commands);
          await client.call('DEBUG', 'QUICKLIST-PACKED-THRESHOLD', '0');
        }
        const original = await lists(theirs);
        expect(await lists(ours)).toEqual(original);
        // With the payload of each other, and with their own after a file.
        await carry(theirs, ours);
        expect(await lists(ours)).toEqual(original);
        await ours.call('DEBUG', 'RELOAD');
        expect(await lists(ours)).toEqual(original);
        await carry(ours, theirs);
        expect(await lists(theirs)).toEqual(original);
        await theirs.call('DEBUG', 'RELOAD');
        expect(await lists(theirs)).toEqual(original);
      }
      for (const client of [ours, theirs]) {
        await client.call('CONFIG', 'SET', 'list-max-listpack-size', '-2', 'list-compress-depth', '0');
      }
    });
  });
}

/** Commands that make a few long lists and change them everywhere. */
function edits(random: Prng): string[][] {
  const commands: string[][] = [];
  const key = (): string => `list${random.below(3)}`;
  for (let i = 0; i < 60; i++) {
    const elements = words(random, 1 + random.below(80));
    commands.push([random.below(2) === 0 ? 'RPUSH' : 'LPUSH', key(), ...elements]);
    commands.push(['LINSERT', key(), 'AFTER', elements[0] as string, word(random)]);
    commands.push(['LSET', key(), String(random.below(400) - 200), word(random)]);
    commands.push(['LREM', key(), String(random.below(3) - 1), elements[random.below(elements.length)] as string]);
    commands.push(['LMOVE', key(), key(), 'LEFT', 'RIGHT']);
    commands.push([random.below(2) === 0 ? 'LPOP' : 'RPOP', key(), String(random.below(30))]);
    if (i % 20 === 10) commands.push(['LTRIM', key(), String(random.below(50)), String(-1 - random.below(50))]);
  }
  return commands;
}

async function lists(client: RawClient): Promise<string> {
  const replies = await client.pipeline([0, 1, 2].map((i) => ['LRANGE', `list${i}`, '0', '-1']));
  return JSON.stringify(replies);
}
