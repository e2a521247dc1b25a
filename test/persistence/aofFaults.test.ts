/**
 * A whole server whose append-only file lies on a disk in memory: the machine stops, or the disk is full, at every operation that a
 * rewrite and its surroundings make. What is then on the disk must load, with all that was acknowledged and nothing out of turn.
 */
import { describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/prng.js';
import { endOfRound, type FakeStream, Harness } from '../net/harness.js';
import { MemoryFileSystem } from './memoryFileSystem.js';
import { FOLDER, load, noProcesses, openFolder, refusalOf } from './support.js';

type Policy = 'always' | 'everysec';

/** A server, the writes it was sent, and how many of them it acknowledged. */
class Subject {
  readonly harness: Harness;
  readonly disk: MemoryFileSystem;
  sent = 0;
  acknowledged = 0;
  readonly #stream: FakeStream;

  constructor(disk: MemoryFileSystem, directives: Readonly<Record<string, string>>) {
    this.disk = disk;
    disk.syncsByItself = true;
    this.harness = new Harness(
      { 'aof-use-rdb-preamble': 'no', ...directives },
      { files: disk.asFileSystem(), processes: noProcesses },
    );
    this.#stream = this.harness.connect();
  }

  /** Loads, when there is an append-only file. */
  async start(): Promise<string | undefined> {
    const { server } = this.harness;
    if (!server.aof.enabled) return undefined;
    const refused = await server.aof.load();
    server.outbox.deferred = true;
    return refused;
  }

  async say(...args: string[]): Promise<string> {
    const { server } = this.harness;
    this.#stream.takeReplies();
    this.#stream.receive(`*${args.length}\r\n${args.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join('')}`);
    await endOfRound();
    server.refreshGates();
    const [reply] = this.#stream.takeReplies();
    return reply !== undefined && 'text' in reply ? String(reply.text) : 'none';
  }

  /** The next write: RPUSH log n, so that what is missing, out of turn or there twice is seen. */
  async write(): Promise<void> {
    const n = this.sent;
    const reply = await this.say('RPUSH', 'log', String(n));
    if (reply.startsWith('MISCONF')) return;
    this.sent++;
    // A machine that has stopped answers nobody, and a file that is not on has promised nothing.
    const counts = this.disk.operationsLeft >= 0 && this.harness.server.aof.state === 'on';
    if (reply === String(n + 1) && counts) this.acknowledged = n + 1;
  }

  /** As an operator does once the disk is well again: all writes are on it afterwards. */
  async recover(): Promise<void> {
    const { server, clock } = this.harness;
    server.aof.flush();
    server.refreshGates();
    await this.write();
    if (!server.aof.enabled) expect(await this.say('CONFIG', 'SET', 'appendonly', 'yes')).toBe('OK');
    for (let hour = 0; hour < 3; hour++) {
      clock.advance(3_600_000);
      server.aof.flush();
      server.aof.tick();
      await this.rewritten();
    }
    expect(server.aof.state).toBe('on');
    expect(await this.say('BGREWRITEAOF')).toBe('Background append only file rewriting started');
    await this.write();
    await this.rewritten();
    expect(server.aof.rewriter.isWell).toBe(true);
    await this.write();
  }

  async rewritten(): Promise<void> {
    for (let i = 0; i < 1000 && this.harness.server.aof.rewriter.isRunning; i++) await endOfRound();
  }

  get exited(): boolean {
    return this.harness.log.some((line) => line.startsWith('exit'));
  }
}

/** What a folder holds: how many writes; the text of a refusal. */
async function holds(disk: MemoryFileSystem): Promise<number | string> {
  const folder = openFolder(disk);
  if ('refused' in folder) return refusalOf(folder);
  const { outcome, commands } = await load(disk, folder);
  if ('refused' in outcome) return refusalOf(outcome);
  const log = commands.filter(([name]) => name === 'RPUSH').flatMap(([, , ...items]) => items);
  expect(log).toEqual(log.map((_, i) => String(i)));
  return log.length;
}

interface Scenario {
  readonly name: string;
  /** What is on the disk before. */
  readonly before?: () => MemoryFileSystem;
  readonly directives: Readonly<Record<string, string>>;
  run(subject: Subject): Promise<void>;
  /** Writes that are on the disk before. */
  readonly there?: number;
}

function empty(): MemoryFileSystem {
  return new MemoryFileSystem();
}

/** A folder with a base, its history not removed, and what a killed server left. */
function used(): MemoryFileSystem {
  const disk = new MemoryFileSystem();
  disk.makeDirectory(FOLDER);
  const put = (name: string, text: string): void => disk.put(`${FOLDER}/${name}`, text);
  put('appendonly.aof.1.base.aof', '*3\r\n$5\r\nRPUSH\r\n$3\r\nlog\r\n$1\r\nx\r\n');
  put('appendonly.aof.2.base.aof', '');
  put('appendonly.aof.2.incr.aof', '');
  put('temp-rewriteaof-bg-99.aof', 'half a base');
  put('temp-appendonly.aof.incr', 'half a command');
  put(
    'appendonly.aof.manifest',
    'file appendonly.aof.2.base.aof seq 2 type b\nfile appendonly.aof.1.base.aof seq 1 type h\n' +
      'file appendonly.aof.2.incr.aof seq 2 type i\n',
  );
  return disk;
}

const REWRITES: Scenario = {
  name: 'rewrites while serving',
  before: used,
  directives: { appendonly: 'yes' },
  async run(subject) {
    await subject.write();
    await subject.write();
    await subject.say('BGREWRITEAOF');
    await subject.write();
    await subject.rewritten();
    await subject.write();
    await subject.say('BGREWRITEAOF');
    await subject.write();
    await subject.rewritten();
    await subject.write();
  },
};

const FIRST: Scenario = { ...REWRITES, name: 'a first start and its rewrites', before: empty };

const TURNED_ON: Scenario = {
  name: 'an append-only file that is turned on while serving',
  directives: { appendonly: 'no' },
  async run(subject) {
    await subject.write();
    await subject.say('CONFIG', 'SET', 'appendonly', 'yes');
    await subject.write();
    await subject.rewritten();
    await subject.write();
    await subject.say('CONFIG', 'SET', 'appendonly', 'no');
  },
};

const TURNED_OFF: Scenario = {
  name: 'a rewrite while it is turned off',
  before: used,
  directives: { appendonly: 'yes' },
  async run(subject) {
    await subject.write();
    await subject.say('CONFIG', 'SET', 'appendonly', 'no');
    await subject.say('BGREWRITEAOF');
    await subject.rewritten();
  },
};

const OLD_STYLE: Scenario = {
  name: 'an old single file that is moved and rewritten',
  before: () => {
    const disk = new MemoryFileSystem();
    disk.put('/data/appendonly.aof', '*3\r\n$5\r\nRPUSH\r\n$3\r\nlog\r\n$1\r\n0\r\n');
    return disk;
  },
  there: 1,
  directives: { appendonly: 'yes' },
  async run(subject) {
    await subject.write();
    await subject.say('BGREWRITEAOF');
    await subject.write();
    await subject.rewritten();
  },
};

const SCENARIOS = [FIRST, REWRITES, TURNED_ON, TURNED_OFF, OLD_STYLE];

async function runUntil(
  scenario: Scenario,
  policy: Policy,
  prepare: (disk: MemoryFileSystem) => void,
): Promise<Subject> {
  const disk = (scenario.before ?? empty)();
  prepare(disk);
  const subject = new Subject(disk, { ...scenario.directives, appendfsync: policy });
  subject.sent = scenario.there ?? 0;
  subject.acknowledged = subject.sent;
  if ((await subject.start()) === undefined) await scenario.run(subject);
  return subject;
}

/** What may be on the disk when the machine has stopped, with the number of writes that must be there. */
function disksAfter(
  { disk, acknowledged }: Subject,
  policy: Policy,
  there: number,
  random: Prng,
): [string, MemoryFileSystem, number][] {
  const synced = policy === 'always' ? acknowledged : Math.min(there, acknowledged);
  const some = (): boolean => random.below(2) === 0;
  const disks: [string, MemoryFileSystem, number][] = [
    ['kill -9', disk.afterKill(), acknowledged],
    ['power cut', disk.afterPowerCut(), synced],
    ['power cut, all names written', disk.afterPowerCut({ name: () => true }), synced],
    ['power cut, some names written', disk.afterPowerCut({ name: some }), synced],
  ];
  // Without a sync of each write the kernel may write a later file before an earlier one, as with redis-server.
  if (policy === 'always')
    disks.push(['power cut, some written', disk.afterPowerCut({ name: some, data: some }), synced]);
  return disks;
}

describe('the machine stops at any file operation', () => {
  for (const scenario of SCENARIOS) {
    for (const policy of ['always', 'everysec'] as const) {
      it(`of ${scenario.name}, appendfsync ${policy}: all that was acknowledged is loaded`, async () => {
        const random = new Prng(7);
        const whole = await runUntil(scenario, policy, () => {});
        const steps = whole.disk.operations;
        expect(whole.acknowledged).toBe(whole.sent);
        expect(steps).toBeGreaterThan(12);
        for (let step = 0; step <= steps; step++) {
          const subject = await runUntil(scenario, policy, (disk) => {
            disk.operationsLeft = step;
          });
          for (const [how, disk, least] of disksAfter(subject, policy, scenario.there ?? 0, random)) {
            const found = await holds(disk);
            const where = `${how} at operation ${step} of ${steps}`;
            if (typeof found === 'string') throw new Error(`${where}: ${found}`);
            if (found < least || found > subject.sent)
              throw new Error(`${where}: ${found} of ${least} acknowledged writes`);
          }
        }
      });
    }
  }
});

describe('the disk fails', () => {
  const FAULTS = [
    { what: 'is full for one operation', length: 1, code: 'ENOSPC' },
    { what: 'is full for some time', length: 6, code: 'ENOSPC' },
    { what: 'is full until the end', length: 1000, code: 'ENOSPC' },
    { what: 'is read-only for some time', length: 6, code: 'EROFS' },
    { what: 'fails for one operation', length: 1, code: 'EIO' },
  ];
  for (const scenario of [REWRITES, TURNED_ON, TURNED_OFF]) {
    for (const { what, length, code } of FAULTS) {
      it(`${what}, from any operation of ${scenario.name} on: serves on, loses nothing, and rewrites when it is well`, async () => {
        const { disk } = await runUntil(scenario, 'everysec', () => {});
        const began = await runUntil({ ...scenario, run: async () => {} }, 'everysec', () => {});
        for (let from = began.disk.operations; from < disk.operations; from++) {
          const subject = await runUntil(scenario, 'everysec', (each) => {
            each.failing = { from, to: from + length, code };
          });
          const where = `${code} from operation ${from}`;
          expect(subject.exited, where).toBe(false);
          const found = await holds(subject.disk.afterKill());
          if (typeof found === 'string') throw new Error(`${where}: ${found}`);
          subject.disk.failing = { from: 0, to: 0, code };
          await subject.recover();
          expect(await holds(subject.disk.afterKill()), where).toBe(subject.sent);
          expect(subject.disk.openDescriptors, where).toBe(1);
          const left = subject.disk.list(FOLDER).sort();
          expect(left.length, `${where}: ${left.join(' ')}`).toBeLessThanOrEqual(5);
        }
      });
    }
  }
});
