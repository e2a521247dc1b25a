/** When rewrites of the append-only file begin, wait, are given up, and what turning the file on and off does meanwhile. */
import { describe, expect, it } from 'vitest';
import { endOfRound, type FakeStream, Harness } from '../net/harness.js';
import { MemoryFileSystem } from './memoryFileSystem.js';
import { FOLDER, MANIFEST, noProcesses } from './support.js';

interface Subject {
  readonly harness: Harness;
  readonly disk: MemoryFileSystem;
  readonly stream: FakeStream;
}

async function subject(directives: Readonly<Record<string, string>> = {}): Promise<Subject> {
  const disk = new MemoryFileSystem();
  const harness = new Harness(
    { 'aof-use-rdb-preamble': 'no', ...directives },
    { files: disk.asFileSystem(), processes: noProcesses },
  );
  if (harness.server.aof.enabled) {
    expect(await harness.server.aof.load()).toBeUndefined();
    harness.server.outbox.deferred = true;
  }
  return { harness, disk, stream: harness.connect() };
}

async function say({ stream }: Subject, ...args: string[]): Promise<string> {
  stream.takeReplies();
  stream.receive(`*${args.length}\r\n${args.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join('')}`);
  await endOfRound();
  const [reply] = stream.takeReplies();
  return reply !== undefined && 'text' in reply ? String(reply.text) : 'none';
}

/** Lets everything happen but for syncs in the background, which the tests end. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await endOfRound();
}

/** Ends a rewrite: its only background sync is the last step. */
async function finish({ harness, disk }: Subject): Promise<void> {
  await settle();
  while (disk.backgroundSyncs.length > 0) disk.endBackgroundSync();
  await settle();
  expect(harness.server.aof.rewriter.isRunning).toBe(false);
}

function files({ disk }: Subject): string[] {
  return disk
    .list(FOLDER)
    .filter((name) => !name.endsWith('.lock'))
    .sort();
}

const ON = { appendonly: 'yes' };
const STARTED = 'Background append only file rewriting started';
const SCHEDULED = 'Background append only file rewriting scheduled';
const ALREADY = 'ERR Background append only file rewriting already in progress';

describe('a new folder', () => {
  it('begins with an RDB file without data, or with no commands', async () => {
    const rdb = await subject({ ...ON, 'aof-use-rdb-preamble': 'yes' });
    expect(files(rdb)).toEqual(['appendonly.aof.1.base.rdb', 'appendonly.aof.1.incr.aof', 'appendonly.aof.manifest']);
    expect(rdb.disk.text(`${FOLDER}/appendonly.aof.1.base.rdb`)).toMatch(/^REDIS0010.*aof-base\xc0\x01\xff.{8}$/s);
    const commands = await subject(ON);
    expect(commands.disk.text(`${FOLDER}/appendonly.aof.1.base.aof`)).toBe('');
  });
});

describe('BGREWRITEAOF', () => {
  it('is refused while one is under way, until its base is on disk and counts', async () => {
    const it = await subject(ON);
    await say(it, 'SET', 'a', '1');
    expect(await say(it, 'BGREWRITEAOF')).toBe(STARTED);
    await settle();
    expect(await say(it, 'BGREWRITEAOF')).toBe(ALREADY);
    expect(it.disk.text(MANIFEST)).toContain('1.base.aof seq 1 type b');
    await finish(it);
    expect(it.disk.text(MANIFEST)).toBe(
      'file appendonly.aof.2.base.aof seq 2 type b\nfile appendonly.aof.2.incr.aof seq 2 type i\n',
    );
    expect(await say(it, 'BGREWRITEAOF')).toBe(STARTED);
  });

  it('waits for another snapshot, and begins behind it', async () => {
    const it = await subject(ON);
    const { snapshots, aof } = it.harness.server;
    const other = snapshots.start({ purpose: 'save', sink: { isFull: false, write() {} }, onEnd() {} });
    expect(aof.rewriteInBackground()).toBe('scheduled');
    aof.tick();
    expect(aof.rewriter.isRunning).toBe(false);
    other.cancel();
    aof.tick();
    expect(aof.rewriter.isRunning).toBe(true);
    expect(aof.rewriter.scheduled).toBe(false);
  });

  it('in a transaction begins at the next tick', async () => {
    const it = await subject(ON);
    const { aof } = it.harness.server;
    await say(it, 'MULTI');
    await say(it, 'BGREWRITEAOF');
    it.stream.takeReplies();
    it.stream.receive('*1\r\n$4\r\nEXEC\r\n');
    await endOfRound();
    expect(JSON.stringify(it.stream.takeReplies())).toContain(SCHEDULED);
    expect(aof.rewriter.isRunning).toBe(false);
    aof.tick();
    expect(aof.rewriter.isRunning).toBe(true);
  });
});

describe('rewrites that fail again and again', () => {
  it('wait a minute after the third failure, then two, unless somebody asks', async () => {
    const it = await subject({ ...ON, 'auto-aof-rewrite-min-size': '1', 'auto-aof-rewrite-percentage': '1' });
    const { clock, log, server } = it.harness;
    await say(it, 'SET', 'k', 'v'.repeat(100));
    it.disk.faults.set('rename', 'EIO');
    const tries = (): number => log.filter((line) => line.includes('Starting automatic rewriting')).length;
    for (let i = 0; i < 10; i++) server.aof.tick();
    expect(tries()).toBe(3);
    expect(log.join()).toContain('has repeatedly failed and triggered the limit, will retry in 1 minutes');
    clock.advance(59_000);
    server.aof.tick();
    expect(tries()).toBe(3);
    clock.advance(1000);
    for (let i = 0; i < 10; i++) server.aof.tick();
    expect(tries()).toBe(4);
    expect(log.join()).toContain('will retry in 2 minutes');
    expect(await say(it, 'BGREWRITEAOF')).toMatch(/^ERR Can't execute an AOF background rewriting/);
    it.disk.faults.clear();
    expect(await say(it, 'BGREWRITEAOF')).toBe(STARTED);
    await finish(it);
    expect(server.aof.rewriter).toMatchObject({ consecutiveFailures: 0, isWell: true });
  });
});

describe('a file that is turned on while serving', () => {
  it('counts only when its first rewrite is done, and holds what came meanwhile', async () => {
    const it = await subject();
    await say(it, 'SET', 'a', '1');
    expect(await say(it, 'CONFIG', 'SET', 'appendonly', 'yes')).toBe('OK');
    await say(it, 'SET', 'b', '2');
    await settle();
    expect(files(it)).toEqual(['temp-appendonly.aof.incr', `temp-rewriteaof-bg-${process.pid}.aof`]);
    await finish(it);
    expect(files(it)).toEqual(['appendonly.aof.1.base.aof', 'appendonly.aof.1.incr.aof', 'appendonly.aof.manifest']);
    await say(it, 'SET', 'c', '3');
    expect(it.disk.text(`${FOLDER}/appendonly.aof.1.base.aof`)).toMatch(/SET\r\n\$1\r\na\r\n\$1\r\n1\r\n$/);
    expect(it.disk.text(`${FOLDER}/appendonly.aof.1.incr.aof`)).toMatch(/b\r\n\$1\r\n2\r\n.*c\r\n\$1\r\n3\r\n$/s);
  });

  it('keeps the server from ending before that, unless it is forced', async () => {
    const it = await subject();
    await say(it, 'CONFIG', 'SET', 'appendonly', 'yes');
    expect(await say(it, 'SHUTDOWN')).toBe('ERR Errors trying to SHUTDOWN. Check logs.');
    expect(it.harness.log.join()).toContain("Writing initial AOF, can't exit.");
    await say(it, 'SHUTDOWN', 'FORCE');
    await settle();
    expect(it.harness.log.join()).toContain('exit 0');
    expect(files(it)).toEqual([]);
  });

  it('is tried again when its first rewrite fails: nothing is lost, and nothing is left of the first try', async () => {
    const it = await subject();
    const { aof } = it.harness.server;
    await say(it, 'SET', 'a', '1');
    await say(it, 'CONFIG', 'SET', 'appendonly', 'yes');
    await settle();
    it.disk.endBackgroundSync('EIO');
    await settle();
    expect(aof).toMatchObject({ state: 'waiting', writer: undefined });
    expect(files(it)).toEqual([]);
    await say(it, 'SET', 'b', '2');
    aof.tick();
    await say(it, 'SET', 'c', '3');
    await finish(it);
    expect(aof.state).toBe('on');
    expect(it.disk.text(`${FOLDER}/appendonly.aof.1.base.aof`)).toMatch(/\$1\r\n2\r\n/);
    expect(it.disk.text(`${FOLDER}/appendonly.aof.1.incr.aof`)).toMatch(/c\r\n\$1\r\n3\r\n$/);
  });

  it('is turned off again before that: what was begun is gone', async () => {
    const it = await subject();
    await say(it, 'CONFIG', 'SET', 'appendonly', 'yes');
    expect(await say(it, 'CONFIG', 'SET', 'appendonly', 'no')).toBe('OK');
    while (it.disk.backgroundSyncs.length > 0) it.disk.endBackgroundSync();
    await settle();
    expect(it.disk.list(FOLDER)).toEqual([]);
    expect(it.disk.openDescriptors).toBe(0);
    expect(it.harness.log.join()).toMatch(/Killing .*AOF .*child/);
    expect(await say(it, 'SET', 'a', '1')).toBe('OK');
  });

  it('ends a rewrite that began while it was off, which does not gather commands', async () => {
    const it = await subject();
    await say(it, 'SET', 'a', '1');
    expect(await say(it, 'BGREWRITEAOF')).toBe(STARTED);
    await say(it, 'SET', 'b', '2');
    expect(await say(it, 'CONFIG', 'SET', 'appendonly', 'yes')).toBe('OK');
    await finish(it);
    expect(it.harness.log.join()).toContain('Stopping background AOF and starting a rewrite now.');
    expect(it.disk.text(`${FOLDER}/appendonly.aof.1.base.aof`)).toMatch(/\$1\r\n2\r\n/);
    expect(files(it)).toContain('appendonly.aof.1.incr.aof');
  });
});

describe('a server that ends', () => {
  it('during a rewrite keeps its files as they were', async () => {
    const it = await subject(ON);
    await say(it, 'SET', 'a', '1');
    await say(it, 'BGREWRITEAOF');
    await say(it, 'SET', 'a', '2');
    await it.harness.server.stop();
    await settle();
    expect(it.harness.log.join()).toContain('There is a child rewriting the AOF. Killing it!');
    expect(files(it)).toEqual([
      'appendonly.aof.1.base.aof',
      'appendonly.aof.1.incr.aof',
      'appendonly.aof.2.incr.aof',
      'appendonly.aof.manifest',
    ]);
  });
});

describe('history files', () => {
  it('stay with aof-disable-auto-gc, until it is turned off', async () => {
    const it = await subject({ ...ON, 'aof-disable-auto-gc': 'yes' });
    await say(it, 'SET', 'a', '1');
    await say(it, 'BGREWRITEAOF');
    await finish(it);
    expect(it.disk.text(MANIFEST)).toBe(
      'file appendonly.aof.2.base.aof seq 2 type b\nfile appendonly.aof.1.incr.aof seq 1 type h\n' +
        'file appendonly.aof.1.base.aof seq 1 type h\nfile appendonly.aof.2.incr.aof seq 2 type i\n',
    );
    expect(files(it)).toHaveLength(5);
    await say(it, 'CONFIG', 'SET', 'aof-disable-auto-gc', 'no');
    expect(files(it)).toHaveLength(3);
    expect(it.disk.text(MANIFEST)).not.toContain('type h');
  });
});

describe('syncs', () => {
  it('wait for the end of a rewrite with no-appendfsync-on-rewrite', async () => {
    const it = await subject({ ...ON, appendfsync: 'always', 'no-appendfsync-on-rewrite': 'yes' });
    const synced = (): number => it.disk.calls.get('datasync') ?? 0;
    await say(it, 'SET', 'a', '1');
    await say(it, 'BGREWRITEAOF');
    const before = synced();
    await say(it, 'SET', 'a', '2');
    await say(it, 'SET', 'a', '3');
    expect(synced()).toBe(before);
    await finish(it);
    const behind = synced();
    await say(it, 'PING');
    expect(synced()).toBe(behind + 1);
  });
});
