import { PassThrough, Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { plainNames } from '../../src/trib/cli/redis-cli-names.js';
import { formatDuration, progressText } from '../../src/trib/progress.js';
import { drawSlotMap } from '../../src/trib/slot-map.js';
import { Terminal, type TribIo } from '../../src/trib/terminal.js';
import { trib } from './nodes.js';

const COMMANDS = [
  'create',
  'check',
  'info',
  'fix',
  'reshard',
  'rebalance',
  'add-node',
  'del-node',
  'set-timeout',
  'call',
].concat(['import', 'backup', 'replicate', 'failover', 'forget']);

describe('progress', () => {
  it.each([
    [0, 1024, 0, '[......................................] 0% 0/1024 slots, 0 keys, 0.0 slots/s, time left unknown'],
    [512, 1024, 2000, '[####################....................] 50% 512/1024 slots, 0 keys, 256 slots/s, 0:02 left'],
    [3, 1000, 2000, '[........................................] 0% 3/1000 slots, 0 keys, 1.5 slots/s, 11:05 left'],
    [
      1024,
      1024,
      4000,
      '[########################################] 100% 1024/1024 slots, 0 keys, 256 slots/s, 0:00 left',
    ],
  ])('at %i of %i', (done, total, elapsedMs, text) => {
    expect(progressText({ done, total, unit: 'slots', keys: 0, elapsedMs, width: 96 })).toBe(text);
  });

  it('leaves the bar out where there is no room', () => {
    const text = progressText({ done: 1, total: 4, unit: 'keys', keys: undefined, elapsedMs: 1000, width: 40 });
    expect(text).toBe('25% 1/4 keys, 1.0 keys/s, 0:03 left');
  });

  it.each([
    [0, '0:00'],
    [59_600, '1:00'],
    [3_729_000, '1:02:09'],
  ])('%i ms are %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });
});

describe('the slot map', () => {
  const owners = [
    { name: 'one', slots: [{ first: 0, last: 8191 }] },
    { name: 'two', slots: [{ first: 8193, last: 16383 }] },
  ];

  it('shows who has what, what nobody serves and what is open', () => {
    const lines = drawSlotMap(owners, [16383], false);
    expect(lines[1]).toBe(`    0 ${'A'.repeat(64)}`);
    expect(lines[9]).toBe(` 8192 .${'B'.repeat(63)}`);
    expect(lines[16]).toBe(`15360 ${'B'.repeat(63)}*`);
    expect(lines.slice(17)).toEqual(['      A one', '      B two']);
  });

  it('is coloured where it may be', () => {
    expect(drawSlotMap(owners, [], true)[17]).toBe('      \x1b[36mA\x1b[0m one');
  });
});

describe('the terminal', () => {
  const open = (isTty: boolean, json = false): { terminal: Terminal; out: () => string; err: () => string } => {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    const io: TribIo = { stdin: Readable.from([]), stdout, stderr, env: {}, isTty };
    return {
      terminal: new Terminal(io, json),
      out: () => String(stdout.read() ?? ''),
      err: () => String(stderr.read() ?? ''),
    };
  };

  it('shows a status to a person, and takes it away before the next line', () => {
    const { terminal, out } = open(true);
    terminal.showStatus('half');
    terminal.print('done');
    expect(out()).toBe('\r\x1b[Khalf\r\x1b[Kdone\n');
  });

  it('shows none in a file or a pipe, nor with --json', () => {
    for (const { terminal, out, err } of [open(false), open(true, true)]) {
      terminal.showStatus('half');
      expect(out() + err()).toBe('');
    }
  });

  it('counts what redis-trib marks with stars among the errors of a run that failed', () => {
    for (const exitCode of [0, 1]) {
      const { terminal, out } = open(false, true);
      terminal.print('*** No such master node x');
      terminal.finish('rebalance', exitCode);
      const { errors } = JSON.parse(out());
      expect(errors).toEqual(exitCode === 0 ? [] : [{ message: 'No such master node x', advice: [] }]);
    }
  });

  it('collects errors and warnings, with the advice under them, for --json', () => {
    const { terminal, out, err } = open(false, true);
    terminal.print('[ERR] It is broken.', '      Mend it.', '>>> Next', '      not advice', '[WARNING] Take care.');
    terminal.report({ a: 1 });
    terminal.finish('check', 1);
    expect(err()).toContain('>>> Next\n');
    expect(JSON.parse(out())).toEqual({
      schema: 1,
      command: 'check',
      ok: false,
      exitCode: 1,
      errors: [{ message: 'It is broken.', advice: ['Mend it.'] }],
      warnings: [{ message: 'Take care.', advice: [] }],
      result: { a: 1 },
    });
  });
});

describe('the command line', () => {
  it.each(COMMANDS)('%s has a summary, examples and --json', async (name) => {
    expect((await trib('help')).out).toMatch(new RegExp(`^  ${name} `, 'm'));
    const { code, out } = await trib(`${name} --help`);
    expect(code).toBe(0);
    expect(out).toMatch(new RegExp(`\nExamples?:\n  (\\S+=\\S+ )?trib ${name} `));
    expect(out).toContain('--json ');
  });

  it.each(COMMANDS)('%s --json prints one document when it fails, too', async (name) => {
    const more: Record<string, string> = {
      create: '127.0.0.1:1 127.0.0.1:1',
      call: 'ping',
      'add-node': '127.0.0.1:1 --yes',
      'del-node': 'a',
      forget: 'a',
      'set-timeout': '5000',
      import: '--from 127.0.0.1:1',
      backup: '/nonexistent',
    };
    const { code, out } = await trib(`--json ${name} 127.0.0.1:1 ${more[name] ?? ''}`);
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({ schema: 1, command: name, ok: false, exitCode: 1 });
    expect(JSON.parse(out).errors[0].message).toMatch(/^Sorry, can't connect to node 127\.0\.0\.1:1$/);
  });

  it('takes the names that redis-cli gives to options, but not out of the command that call runs', () => {
    expect(plainNames(['reshard', '--cluster-yes', 'a:1', '--cluster-from', 'x'])).toEqual([
      'reshard',
      '--yes',
      'a:1',
      '--from',
      'x',
    ]);
    const call = ['call', '--cluster-only-masters', 'a:1', 'set', 'k', '--cluster-yes'];
    expect(plainNames(call)).toEqual(['call', '--only-masters', 'a:1', 'set', 'k', '--cluster-yes']);
    const behind = ['call', 'a:1', 'get', '--k', '--cluster-only-replicas'];
    expect(plainNames(behind)).toEqual(['call', '--only-replicas', 'a:1', 'get', '--k']);
  });
});

describe('an address in two words', () => {
  it.each([
    ['check 127.0.0.1 7000', 'check 127.0.0.1:7000'],
    ['fix ::1 7000 --yes', 'fix [::1]:7000 --yes'],
    ['--json info -a 5 node1 7000', '--json info -a 5 node1:7000'],
    ['reshard --slots 100 --to 9cf7 node1 7000 --from all', 'reshard --slots 100 --to 9cf7 node1:7000 --from all'],
    ['rebalance node1:7000 --threshold 5', 'rebalance node1:7000 --threshold 5'],
    // redis-cli has no second word for these.
    ['del-node node1 7000', 'del-node node1 7000'],
    ['call node1:7000 check a 1', 'call node1:7000 check a 1'],
  ])('%s', (given, plain) => {
    expect(plainNames(given.split(' ')).join(' ')).toBe(plain);
  });

  it('is tried as one', async () => {
    const { out } = await trib('check 127.0.0.1 1');
    expect(out).toContain("[ERR] Sorry, can't connect to node 127.0.0.1:1\n");
  });
});
