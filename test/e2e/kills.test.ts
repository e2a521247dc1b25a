/**
 * kill -9 under load, again and again, in every mode of persistence: what was acknowledged is there after the next start, as a whole
 * and without holes; of a data file, everything up to the last save that ended.
 *
 * SHOAL_KILLS=300 shares so many kills among the modes and prints a table in the end.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/prng.js';
import { freePort } from '../support/ports.js';
import { tempDir } from '../support/process.js';
import { RawClient } from '../support/rawclient.js';
import { redisServerOnPath } from '../support/redis.js';
import { ask, type Daemon, launch, plainArgs, until } from './support/daemon.js';
import { SetWriter, TransactionWriter } from './support/writers.js';

const SEED = Number(process.env.SHOAL_SEED ?? Date.now() % 1_000_000);
const KILLS = Number(process.env.SHOAL_KILLS ?? 7);
const KILL_LIMIT_MS = 20_000;
const hasRedis = redisServerOnPath() !== undefined;

interface Mode {
  readonly name: string;
  readonly args: readonly string[];
  /** What goes on under load until the kill; `persisted` says of which writes a file that was finished is known to have been. */
  readonly work: (round: Round) => Promise<void>;
  /** Only what is in the data file comes back. */
  readonly isSnapshot?: true;
}

interface Round {
  readonly port: number;
  readonly random: Prng;
  readonly untilMs: number;
  /** What has been acknowledged so far, and is there whatever happens from now on. */
  mark(): Marks;
  persisted(marks: Marks): void;
  tally: Tally;
}

interface Marks {
  readonly sets: number;
  readonly transactions: number;
}

/** A row of the table. */
interface Tally {
  kills: number;
  acknowledged: number;
  lost: number;
  halves: number;
  started: number;
  /** Rewrites and saves that were begun, and kills while one was under way. */
  begun: number;
  during: number;
}

const aof = (policy: string, ...more: string[]): string[] => ['--appendonly', 'yes', '--appendfsync', policy, ...more];

const MODES: readonly Mode[] = [
  { name: 'AOF, always', args: aof('always'), work: justWriting },
  { name: 'AOF, everysec', args: aof('everysec'), work: justWriting },
  { name: 'AOF, no', args: aof('no'), work: justWriting },
  { name: 'AOF, always, rewrites', args: aof('always', '--aof-use-rdb-preamble', 'yes'), work: rewriting },
  { name: 'AOF, everysec, rewrites', args: aof('everysec', '--aof-use-rdb-preamble', 'no'), work: rewriting },
  { name: 'AOF, no, rewrites', args: aof('no', '--no-appendfsync-on-rewrite', 'yes'), work: rewriting },
  { name: 'RDB, save points', args: ['--save', '1 1'], work: saving, isSnapshot: true },
];

async function justWriting({ untilMs }: Round): Promise<void> {
  await sleep(Math.max(0, untilMs - performance.now()));
}

async function rewriting({ port, random, untilMs, tally }: Round): Promise<void> {
  while (performance.now() < untilMs) {
    if ((await ask(port, 'BGREWRITEAOF')).endsWith('started')) tally.begun++;
    await sleep(random.below(20));
  }
  if (await info(port, 'aof_rewrite_in_progress:1')) tally.during++;
}

async function saving({ port, untilMs, tally, mark, persisted }: Round): Promise<void> {
  for (;;) {
    const marks = mark();
    // If not, the save point's own is under way, which began earlier.
    const isOurs = (await ask(port, 'BGSAVE')) === 'Background saving started';
    tally.begun++;
    let isRunning = true;
    while (isRunning && performance.now() < untilMs) {
      isRunning = await info(port, 'rdb_bgsave_in_progress:1');
    }
    if (isRunning) {
      tally.during++;
      return;
    }
    if (isOurs && (await info(port, 'rdb_last_bgsave_status:ok'))) persisted(marks);
    if (performance.now() >= untilMs) return;
  }
}

async function info(port: number, line: string): Promise<boolean> {
  return (await ask(port, 'INFO', 'persistence')).includes(`${line}\r\n`);
}

/** How many items of a writer are there: all from the first on, and no others. */
async function survivors(port: number, count: number, key: (i: number) => string): Promise<number> {
  const client = await RawClient.connect(port);
  const replies = await client.pipeline(Array.from({ length: count }, (_, i) => ['GET', key(i)]));
  client.close();
  const values = replies.map((reply) => ('text' in reply ? reply.text : null));
  const missing = values.indexOf(null);
  const found = missing < 0 ? count : missing;
  values.forEach((value, i) => {
    if (value !== (i < found ? String(i) : null)) throw new Error(`${key(i)} is ${value}, ${key(found)} is missing`);
  });
  return found;
}

const started: Daemon[] = [];
const tallies = new Map<string, Tally>();

afterEach(async () => {
  await Promise.all(started.splice(0).map((daemon) => daemon.end()));
});

afterAll(() => {
  if (process.env.SHOAL_KILLS === undefined) return;
  const sum: Tally = { kills: 0, acknowledged: 0, lost: 0, halves: 0, started: 0, begun: 0, during: 0 };
  for (const tally of tallies.values()) {
    for (const field of Object.keys(sum) as (keyof Tally)[]) sum[field] += tally[field];
  }
  console.log(`kill -9 under load, seed ${SEED}`);
  console.table(Object.fromEntries([...tallies, ['all', sum]]));
});

async function serve(dir: string, port: number, args: readonly string[]): Promise<Daemon> {
  const daemon = launch(plainArgs(port, ['--dir', dir, '--enable-debug-command', 'yes', ...args]));
  started.push(daemon);
  // Without rewrites hundreds of kills leave a long file.
  await daemon.ready(120_000);
  return daemon;
}

/** Kills the server at a random moment of its work and starts it again: what it then has is what it must have. */
async function killed(mode: Mode, dir: string, tally: Tally): Promise<void> {
  const random = new Prng(SEED);
  const port = await freePort();
  const [sets, transactions] = [new SetWriter('a'), new TransactionWriter()];
  for (let kill = 0; kill < Math.ceil(KILLS / MODES.length); kill++) {
    const daemon = await serve(dir, port, mode.args);
    // A save then takes long enough to be killed.
    if (mode.isSnapshot && kill === 0) await ask(port, 'DEBUG', 'POPULATE', '200000', 'filler', '100');
    const before = { sets: sets.acknowledged, transactions: transactions.acknowledged };
    let safe = before;
    const mark = (): Marks => ({ sets: sets.acknowledged, transactions: transactions.acknowledged });
    const writing = [sets, transactions].map((writer) => writer.run(port));
    await until('writes were acknowledged', () => transactions.acknowledged > before.transactions + 10);
    const untilMs = performance.now() + 50 + random.below(300);
    const persisted = (marks: Marks): void => {
      safe = marks;
    };
    await mode.work({ port, random, untilMs, mark, persisted, tally });
    await daemon.end('SIGKILL');
    await Promise.all(writing);
    if (mode.isSnapshot === undefined) safe = mark();
    tally.kills++;
    tally.acknowledged += sets.acknowledged - before.sets + 2 * (transactions.acknowledged - before.transactions);
    // Kills leave what was being saved, as with redis-server.
    for (const name of readdirSync(dir)) if (name.startsWith('temp-')) rmSync(join(dir, name));
    const dump = join(dir, 'dump.rdb');
    if (hasRedis && existsSync(dump)) expect(spawnSync('redis-check-rdb', [dump]).status).toBe(0);

    const checked = await serve(dir, port, mode.args);
    tally.started++;
    const found = await survivors(port, sets.sent, (i) => sets.key(i));
    const left = await survivors(port, transactions.sent, (i) => `left:${i}`);
    const right = await survivors(port, transactions.sent, (i) => `right:${i}`);
    tally.lost += Math.max(0, safe.sets - found) + 2 * Math.max(0, safe.transactions - left);
    tally.halves += Math.abs(left - right);
    expect({ lost: tally.lost, halves: tally.halves }).toEqual({ lost: 0, halves: 0 });
    [sets.acknowledged, transactions.acknowledged] = [found, left];
    const folder = join(dir, 'appendonlydir');
    if (existsSync(folder)) expect(readdirSync(folder).filter((name) => name.startsWith('temp-'))).toEqual([]);
    await checked.end('SIGKILL');
  }
}

describe(`kill -9 under load (seed ${SEED})`, () => {
  for (const mode of MODES) {
    it(`${mode.name}: nothing acknowledged is lost, and no half of a transaction is there`, {
      timeout: 60_000 + KILLS * KILL_LIMIT_MS,
    }, async () => {
      const tally: Tally = { kills: 0, acknowledged: 0, lost: 0, halves: 0, started: 0, begun: 0, during: 0 };
      tallies.set(mode.name, tally);
      // On a disk that keeps a sync waiting, everysec may put a write off for as long as Redis does. Memory never waits.
      const inMemory = mode.name.includes('everysec') && existsSync('/dev/shm');
      const dir = inMemory ? await mkdtemp('/dev/shm/shoal-aof-') : tempDir();
      try {
        await killed(mode, dir, tally);
      } finally {
        if (inMemory) await rm(dir, { recursive: true, force: true });
      }
      expect(tally.acknowledged).toBeGreaterThan(tally.kills * 10);
      if (mode.work !== justWriting) expect(tally.begun).toBeGreaterThan(0);
    });
  }
});
