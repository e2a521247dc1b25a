/** The tool that checks data files: its verdicts beside those of redis-check-rdb and redis-check-aof. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { Crc64 } from '../../src/base/crc64.js';
import { Config } from '../../src/config/config.js';
import { type AofCheckOptions, checkAof } from '../../src/persistence/io/aofCheck.js';
import { nodeFileSystem } from '../../src/persistence/io/fileSystem.js';
import { checkRdb } from '../../src/persistence/io/rdbCheck.js';
import { redisServerOnPath, skipLoudly } from '../support/redis.js';
import { MemoryFileSystem } from './memoryFileSystem.js';
import { DUMP, filled, LARGE, SMALL, save } from './rdbFileSupport.js';

const NOW_MS = 1_850_000_000_000;
const executable = fileURLToPath(new URL('../../bin/shoal-check', import.meta.url));
const config = new Config({ directory: '/tmp', changeDirectory: (_, path) => ({ ok: true, path }) });
const hasRedis = redisServerOnPath() !== undefined;
if (!hasRedis) skipLoudly('the verdicts of the check tool are not compared');

interface Said {
  readonly isWell: boolean;
  readonly lines: readonly string[];
}

let dir = '';
beforeAll(() => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'check-'));
});

function put(name: string, bytes: Uint8Array | string): string {
  const file = path.join(dir, name);
  fs.writeFileSync(file, typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  return file;
}

function rdb(bytes: Buffer): Said {
  const lines: string[] = [];
  const endAt = checkRdb({
    config,
    nowMs: NOW_MS,
    fileName: path.join(dir, 'file'),
    readBytes: (buf, offset, length, position) => bytes.copy(buf, offset, position, position + length),
    sizeBytes: bytes.length,
    print: (line) => lines.push(line),
  });
  return { isWell: endAt !== undefined, lines };
}

function aof(file: string, options: Partial<AofCheckOptions> = {}): Said {
  const lines: string[] = [];
  const isWell = checkAof(file, {
    files: nodeFileSystem,
    processes: { selfPid: 1, identityOf: () => 'somebody' },
    config,
    nowMs: NOW_MS,
    print: (line) => lines.push(line),
    ask: (question) => {
      lines.push(question);
      return '';
    },
    fixing: false,
    upToSeconds: undefined,
    ...options,
  });
  return { isWell, lines };
}

function real(tool: 'redis-check-rdb' | 'redis-check-aof', args: readonly string[], input = ''): Said {
  const { status, stdout } = spawnSync(tool, args, { input, encoding: 'latin1' });
  return { isWell: status === 0, lines: stdout.split('\n').slice(0, -1) };
}

const savedBytes = (commands: readonly (readonly string[])[]): Buffer => {
  const files = new MemoryFileSystem();
  save(files, filled(commands).server.store);
  return Buffer.from(files.text(DUMP) ?? '', 'latin1');
};

const command = (...args: string[]): string =>
  `*${args.length}\r\n${args.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join('')}`;
const EARLY = `${command('SELECT', '0')}#TS:1700000000\r\n${command('SET', 'a', 'x'.repeat(30))}`;
const TRANSACTION = command('MULTI') + command('SET', 'b', '1') + command('INCR', 'b') + command('EXEC');
const LATE = `#TS:1700000010\r\n${command('RPUSH', 'l', 'a', '', 'b')}${command('multi')}${command('exec')}`;
const COMMANDS = EARLY + TRANSACTION + LATE;

describe('an RDB file', () => {
  const small = savedBytes(SMALL);

  it('that is good is called so, whatever is in it', () => {
    for (const [bytes, keys, expires] of [
      [small, 11, 2],
      [savedBytes(LARGE), 3007, 3000],
      [Buffer.from('REDIS0003\xff', 'latin1'), 0, 0],
    ] as const) {
      const { isWell, lines } = rdb(bytes);
      expect(isWell).toBe(true);
      expect(lines.slice(-4)).toEqual([
        `[offset ${bytes.length}] \\o/ RDB looks OK! \\o/`,
        `[info] ${keys} keys read`,
        `[info] ${expires} expires`,
        `[info] ${keys === 11 ? 1 : expires} already expired`,
      ]);
    }
  });

  it('may hold any number of databases, functions and data of modules, of which it tells', () => {
    const id = Buffer.from('816e6f0d3e7a3d8401', 'hex');
    const body = Buffer.concat([
      Buffer.from('REDIS0012\xf5\x05#!lua\xf7', 'latin1'),
      id,
      Buffer.from([2, 1, 0, 0xfe, 0x80, 0, 1, 0, 0, 7, 1, 0x6b]),
      id,
      Buffer.from([5, 1, 0x76, 0, 0xff]),
    ]);
    const sum = Buffer.alloc(8);
    new Crc64().update(body, 0, body.length).write(sum, 0);
    const { isWell, lines } = rdb(Buffer.concat([body, sum]));
    expect(lines).toContain('[offset 29] MODULE AUX for: bm8NPno9h');
    expect(lines).toContain('[offset 35] Selecting DB ID 65536');
    expect(lines).toContain("[offset 51] MODULE VALUE of: bm8NPno9h, in the key 'k'");
    expect(lines.at(-1)).toBe('[info] 1 of the keys hold values of modules: shoal-server leaves them out');
    expect(isWell).toBe(true);
  });

  it('that is bad is told with the byte, the key and what to do', () => {
    const at = small.indexOf('hash') + 8;
    const { isWell, lines } = rdb(small.subarray(0, at));
    expect(isWell).toBe(false);
    expect(lines.slice(lines.indexOf('--- RDB ERROR DETECTED ---') + 1)).toEqual([
      expect.stringMatching(/^\[offset \d+\] Unexpected EOF reading RDB file$/),
      '[additional info] While doing: read-object-value',
      "[additional info] Reading key 'hash'",
      '[additional info] Reading type 16 (hash-listpack)',
      expect.stringMatching(/^\[info\] \d+ keys read$/),
      expect.stringMatching(/^\[info\] \d+ expires$/),
      expect.stringMatching(/^\[info\] \d+ already expired$/),
      expect.stringMatching(/^\[next step\] Nothing was changed/),
      expect.stringMatching(/^\[next step\] .*redis-cli -h HOST -p PORT --rdb FILE$/),
    ]);
  });

  it.skipIf(!hasRedis)('gets the lines that redis-check-rdb prints, when it is good', () => {
    for (const bytes of [small, savedBytes(LARGE)]) {
      const file = put('file', bytes);
      const { lines } = real('redis-check-rdb', [file]);
      // The clock of that tool cannot be set.
      const timeless = (line: string): boolean => !line.includes('already expired');
      expect(rdb(bytes).lines.filter(timeless)).toEqual(lines.filter(timeless));
    }
  });

  it.skipIf(!hasRedis)(
    'that is cut or damaged anywhere gets the verdict of redis-check-rdb',
    () => {
      const about = (lines: readonly string[]): string[] =>
        lines.filter((line) => /Reading key|While doing/.test(line));
      for (let at = 0; at < small.length; at += 17) {
        const cut = small.subarray(0, at);
        const theirs = real('redis-check-rdb', [put('file', cut)]);
        const ours = rdb(cut);
        expect([at, ours.isWell]).toEqual([at, theirs.isWell]);
        expect([at, about(ours.lines)]).toEqual([at, about(theirs.lines)]);
        const flipped = Buffer.from(small);
        flipped[at] ^= 1 << (at & 7);
        expect([at, rdb(flipped).isWell]).toEqual([at, real('redis-check-rdb', [put('file', flipped)]).isWell]);
      }
    },
    60_000,
  );
});

describe('an append-only file', () => {
  it.skipIf(!hasRedis)(
    'gets the lines of redis-check-aof, whole and cut anywhere',
    () => {
      const preamble = savedBytes(SMALL).toString('latin1');
      for (const [text, from, step] of [
        [COMMANDS, 0, 3],
        [preamble + COMMANDS, preamble.length, 23],
      ] as const) {
        for (let at = from; at <= text.length; at += step) {
          const file = put('file', text.slice(0, at));
          const theirs = real('redis-check-aof', [file]);
          const ours = aof(file);
          // Cut in an annotation: what a server appends would become part of it, but redis-check-aof finds it good.
          if (/#[^\n]*$/.test(text.slice(from, at))) {
            expect([at, ours.isWell, theirs.isWell]).toEqual([at, false, true]);
            continue;
          }
          expect([at, ours.isWell]).toEqual([at, theirs.isWell]);
          const timeless = (line: string): boolean => !/already expired|^0x/.test(line);
          expect(ours.lines.filter(timeless)).toEqual(theirs.lines.filter(timeless));
        }
      }
    },
    60_000,
  );

  it.skipIf(!hasRedis)(
    'with one bit flipped is never called good where redis-check-aof calls it bad',
    () => {
      for (let at = 0; at < COMMANDS.length; at += 3) {
        const flipped = Buffer.from(COMMANDS, 'latin1');
        flipped[at] ^= 1 << (at & 7);
        const file = put('file', flipped);
        if (!real('redis-check-aof', [file]).isWell) expect([at, aof(file).isWell]).toEqual([at, false]);
      }
    },
    60_000,
  );

  it('that is foreign, empty or missing is told so', () => {
    expect(aof(put('file', 'hello')).lines).toContain(`AOF ${dir}/file format error`);
    expect(aof(put('file', ''))).toEqual({
      isWell: true,
      lines: ['Start checking Old-Style AOF', `AOF ${dir}/file is empty`],
    });
    expect(aof(path.join(dir, 'nothing')).lines.at(-1)).toContain('No such file or directory');
  });

  it('is cut by --fix where it ends in the middle, once the operator agrees', () => {
    const text = EARLY + TRANSACTION.slice(0, -3);
    const file = put('file', text);
    const asked: string[] = [];
    const ask = (answer: string) => (question: string) => {
      asked.push(question);
      return answer;
    };
    for (const no of ['', 'n\n', 'x\n']) {
      expect(aof(file, { fixing: true, ask: ask(no) }).lines.at(-1)).toBe('Aborting...');
      expect(fs.readFileSync(file, 'latin1')).toBe(text);
    }
    const { isWell, lines } = aof(file, { fixing: true, ask: ask('Y\n') });
    expect(isWell).toBe(true);
    expect(lines).toContain(
      `This will shrink the AOF ${file} from ${text.length} bytes, with ${text.length - EARLY.length} bytes, to ${EARLY.length} bytes`,
    );
    expect(lines.at(-1)).toBe(`Successfully truncated AOF ${file}`);
    expect(new Set(asked)).toEqual(new Set(['Continue? [y/N]: ']));
    expect(fs.readFileSync(file, 'latin1')).toBe(EARLY);
    expect(aof(file).isWell).toBe(true);
  });

  it('that is damaged in the middle is not cut without a warning', () => {
    const file = put('file', EARLY + TRANSACTION.replace('$', '%') + LATE);
    for (const fixing of [false, true]) {
      const { isWell, lines } = aof(file, { fixing });
      expect(isWell).toBe(false);
      expect(lines.join('\n')).toMatch(
        /it is damaged: --fix takes the \d+ bytes from there on away, good commands among/,
      );
    }
  });

  it('is cut before the first annotation later than a time', () => {
    const file = put('file', COMMANDS);
    const { isWell, lines } = aof(file, { upToSeconds: 1_700_000_009 });
    expect([isWell, lines.at(-1)]).toEqual([true, `Successfully truncated AOF ${file} to timestamp 1700000009`]);
    expect(fs.readFileSync(file, 'latin1')).toBe(EARLY + TRANSACTION);
    expect(aof(file, { upToSeconds: 1_700_000_009 }).lines).toContain(
      `Truncate nothing in AOF ${file} to timestamp 1700000009`,
    );
    const late = put('late', LATE);
    expect(aof(late, { upToSeconds: 1 }).lines.at(-1)).toBe(`AOF ${late} has nothing before timestamp 1, aborting...`);
    expect(fs.readFileSync(late, 'latin1')).toBe(LATE);
    // Never into a transaction.
    const inside = put('inside', EARLY + command('MULTI') + LATE.slice(0, 40));
    expect(aof(inside, { upToSeconds: 1_700_000_009 }).isWell).toBe(true);
    expect(fs.readFileSync(inside, 'latin1')).toBe(EARLY);
  });
});

describe('an append-only folder', () => {
  const BASE = savedBytes(SMALL);
  const MANIFEST = 'file base seq 1 type b\nfile 1 seq 1 type i\nfile 2 seq 2 type i\n';

  /** Files of a new folder; the path of its manifest. */
  function folder(files: Readonly<Record<string, string | Buffer>>): string {
    dir = fs.mkdtempSync(path.join(os.tmpdir(), 'check-'));
    for (const [name, bytes] of Object.entries(files)) put(name, bytes);
    return path.join(dir, 'x.manifest');
  }

  const cases: Readonly<Record<string, Readonly<Record<string, string | Buffer>>>> = {
    'that is good': { 'x.manifest': MANIFEST, base: BASE, 1: EARLY, 2: LATE },
    'with an empty last file': { 'x.manifest': MANIFEST, base: EARLY, 1: EARLY, 2: '' },
    'whose base is missing': { 'x.manifest': MANIFEST, 1: EARLY, 2: LATE },
    'of which a file is missing': { 'x.manifest': MANIFEST, base: BASE, 2: LATE },
    'whose base is cut': {
      'x.manifest': MANIFEST,
      base: BASE.subarray(0, BASE.indexOf('hash') + 8),
      1: EARLY,
      2: LATE,
    },
    'with a file cut that is not the last': { 'x.manifest': MANIFEST, base: BASE, 1: EARLY.slice(0, -1), 2: LATE },
    'whose last file is cut': { 'x.manifest': MANIFEST, base: BASE, 1: EARLY, 2: TRANSACTION.slice(0, -3) },
    'without a base': { 'x.manifest': 'file 1 seq 1 type i\n', 1: EARLY },
    'whose manifest makes no sense': { 'x.manifest': 'file 1 seq 2 type i\nfile 2 seq 1 type i\n', 1: EARLY, 2: LATE },
    'whose manifest is cut': { 'x.manifest': MANIFEST.slice(0, -1), base: BASE, 1: EARLY, 2: LATE },
  };

  for (const [name, files] of Object.entries(cases)) {
    it.skipIf(!hasRedis)(`${name} gets the verdict of redis-check-aof, with --fix as well`, () => {
      // Stamped lines are those of a server's log; where damage is we tell in our own words, and more of manifests.
      const plain = (lines: readonly string[]): string[] =>
        lines
          .flatMap((line) => line.split('Continue? [y/N]: '))
          .map((line) => line.replace(/^\d+:C .* # /, '').replace(/^Cannot open.*(: No such[^,]*).*/, '$1'))
          .filter((line) => line !== '' && !/already expired|^0x|next step|^Reading the manifest|^>>>/.test(line));
      for (const fixing of [false, true]) {
        const manifest = folder(files);
        const theirs = real('redis-check-aof', [...(fixing ? ['--fix'] : []), manifest], 'y\n');
        const contents = fs.readdirSync(dir).map((file) => fs.readFileSync(path.join(dir, file)));
        const ours = aof(folder(files), { fixing, ask: () => 'y\n' });
        expect(ours.isWell).toBe(theirs.isWell);
        expect(plain(ours.lines)).toEqual(plain(theirs.lines));
        expect(fs.readdirSync(dir).map((file) => fs.readFileSync(path.join(dir, file)))).toEqual(contents);
      }
    });
  }

  it('is only cut to a time in its last file', () => {
    const manifest = folder({ 'x.manifest': MANIFEST, base: BASE, 1: COMMANDS, 2: LATE });
    const { isWell, lines } = aof(manifest, { upToSeconds: 1_700_000_009 });
    expect(isWell).toBe(false);
    expect(lines).toContain(
      `Failed to truncate AOF 1 to timestamp 1700000009 to offset ${(EARLY + TRANSACTION).length} because it is not the last file.`,
    );
    expect(fs.readFileSync(path.join(dir, '1'), 'latin1')).toBe(COMMANDS);
  });

  it('that a server uses is looked at, but not cut', () => {
    const manifest = folder({ 'x.manifest': MANIFEST, base: BASE, 1: EARLY, 2: LATE, 'x.lock': '77 somebody\n' });
    expect(aof(manifest).isWell).toBe(true);
    for (const options of [{ fixing: true }, { upToSeconds: 1 }]) {
      const { isWell, lines } = aof(manifest, options);
      expect(isWell).toBe(false);
      expect(lines.at(-1)).toContain('The process with pid 77 uses these files');
    }
    expect(fs.readFileSync(path.join(dir, '2'), 'latin1')).toBe(LATE);
  });

  it('whose files hold lines that begin with "file" is no manifest', () => {
    const file = put('file', command('SET', 'a', '\r\nfile b seq 1 type b\r\n'));
    const { isWell, lines } = aof(file);
    expect([isWell, lines[0]]).toEqual([true, 'Start checking Old-Style AOF']);
  });
});

describe('shoal-check', () => {
  function run(args: readonly string[], input = '', program = executable): { code: number | null; output: string } {
    const { status, stdout } = spawnSync(process.execPath, [program, ...args], { input, encoding: 'latin1' });
    return { code: status, output: stdout };
  }
  const server = fileURLToPath(new URL('../../bin/shoal-server', import.meta.url));

  it('ends with 0 for good files and 1 for bad ones, as shoal-server does', () => {
    const good = put('good', savedBytes(SMALL));
    const bad = put('bad', 'REDIS0010');
    for (const [args, program] of [
      [['rdb'], executable],
      [['--check-rdb'], server],
    ] as const) {
      expect(run([...args, good], '', program)).toMatchObject({
        code: 0,
        output: expect.stringContaining('Checksum OK'),
      });
      expect(run([...args, bad], '', program)).toMatchObject({
        code: 1,
        output: expect.stringContaining('--- RDB ERROR DETECTED ---'),
      });
      expect(run([...args, `${good}.not`], '', program).code).toBe(1);
    }
    expect(run(['aof', put('aof', COMMANDS)])).toMatchObject({
      code: 0,
      output: expect.stringContaining(' is valid\n'),
    });
    expect(run(['aof', put('aof', COMMANDS.slice(1))]).code).toBe(1);
  });

  it('asks on standard input before it cuts', () => {
    const file = put('aof', COMMANDS.slice(0, -1));
    expect(run(['aof', '--fix', file], 'n\n')).toMatchObject({
      code: 1,
      output: expect.stringContaining('Aborting...'),
    });
    expect(run(['aof', '--fix', file], '').code).toBe(1);
    expect(fs.statSync(file).size).toBe(COMMANDS.length - 1);
    expect(run(['--check-aof', '--fix', file], 'y\n', server)).toMatchObject({
      code: 0,
      output: expect.stringContaining('Continue? [y/N]: Successfully truncated AOF'),
    });
    expect(run(['aof', file]).code).toBe(0);
    expect(run(['aof', '--truncate-to-timestamp', '1700000009', file]).code).toBe(0);
    expect(fs.readFileSync(file, 'latin1')).toBe(EARLY + TRANSACTION);
  });

  it('explains itself when it is not understood', () => {
    for (const args of [[], ['aof', '--fix'], ['what', 'x']]) {
      expect(run(args)).toMatchObject({ code: 1, output: expect.stringContaining('Usage: shoal-check rdb') });
    }
    expect(run(['aof', '--truncate-to-timestamp', '12x', 'f'])).toEqual({
      code: 1,
      output: 'Invalid timestamp, aborting...\n',
    });
    expect(run(['--version']).code).toBe(0);
  });
});
