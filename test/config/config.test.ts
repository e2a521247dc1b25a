import { beforeEach, describe, expect, expectTypeOf, it } from 'vitest';
import { ENTRIES, NAMES } from '../../src/config/directives.js';
import { NOTIFY_KEYEVENT, NOTIFY_STRING } from '../../src/config/kinds/events.js';
import { describeWithRedis } from '../support/redis.js';
import { assign, NEWER, newConfig, REMOTE, realGet } from './support.js';

type Pairs = readonly (readonly [string, string])[];

const one = (name: string, ...texts: string[]): Pairs[] => texts.map((text) => [[name, text]]);

/** CONFIG SETs, each run behind those before it. The real server must answer and end up alike. */
const SETS: readonly Pairs[] = [
  ...one('maxmemory', '18446744073709551615', '18446744073709551616', '99999999999999999999gb', '', '-1', 'b', '1GB'),
  ...one('maxmemory', '1.5gb', '9223372036854775808', '1k', '1Kb', '2m', '2mB', '3g', ' 1', '1 kb', '1kb ', '1tb', '0'),
  ...one('proto-max-bulk-len', '9223372036854775808', '1mb', '1048575', '1gb', '-1'),
  ...one('cluster-node-timeout', '9223372036854775807', '9223372036854775808', '-1', '15000', '15s'),
  ...one('hash-max-listpack-value', '-1', '5b', '64'),
  ...one('hash-max-ziplist-entries', '-1', '9223372036854775808', '100'),
  ...one('hash-max-listpack-entries', '512'),
  ...one('slowlog-log-slower-than', '-2', '-1', '0x10', '10000'),
  ...one('hz', '01', '+1', ' 1', '1 ', '', '0', '1000', '-0', '10'),
  ...one('maxclients', '0', '-1', '4294967296'),
  ...one('tcp-keepalive', '2147483648', '2147483647', '0'),
  ...one('list-max-listpack-size', '-2147483649', '-2147483648', '-5', '--5'),
  ...one('active-defrag-cycle-min', '0', '100', '50'),
  ...one('maxmemory-clients', '5%', '%', '5kb', '05%', '0%', '-5%', '100%', '101%', '9223372036854775808', 'x', '0'),
  ...one('save', '3600 1  300 10', '3600 1 300', '', '1 0 2 -1', '0 1', '5 1 ', ' 5 1', '+5 0x1', '+5 01', '-', '1 -'),
  ...one('save', '99999999999 4294967297', '60 10000 1 1', '"5 1"'),
  ...one('oom-score-adj-values', '0 200 3000', '0 200', '0 200 800 ', '0 20 800', '', 'a b c', '-2000 +5 010'),
  ...one(
    'client-output-buffer-limit',
    '',
    'normal 0 0 0 x',
    'replica 1k 2kb 03',
    'NORMAL 1 1 1 pubsub 2 2 -1',
    'x 1 1 1',
  ),
  ...one('client-output-buffer-limit', 'NORMAL 1 1 1 normal 2 2 5', 'master 0 0 0', 'Slave 1gb 1mb 1', 'pubsub 1 1 x'),
  ...one('client-output-buffer-limit', 'normal 1 1', 'normal 1 1 4294967296', 'normal -1 1 1'),
  ...one('latency-tracking-info-percentiles', '', '50 0x10', '1e1 99.99999999', ' 50', '50 ', 'nan', '1e-9', '100 0'),
  ...one(
    'latency-tracking-info-percentiles',
    'inf',
    '-0',
    '12.3456789',
    '-1',
    '1e999',
    '1e-400',
    '.5',
    '5.',
    '+5',
    '1f',
  ),
  ...one(
    'shutdown-on-sigterm',
    'nosave now',
    'force',
    'NOSAVE FORCE now',
    'default',
    'default now',
    'save nosave',
    'x',
  ),
  ...one('shutdown-on-sigterm', '', 'save  now', 'now now'),
  ...one(
    'notify-keyspace-events',
    'AKE',
    'Kg',
    'gAn',
    'n',
    'm',
    'g$lshzxet',
    'g$lshzxetd',
    'gxdn',
    'KEm',
    'Q',
    'a',
    '',
  ),
  ...one('oom-score-adj', 'maybe', 'no'),
  ...one('appendonly', 'maybe', '', '1'),
  ...one('rdbcompression', 'NO', 'Yes', 'on'),
  ...one('loglevel', 'foo', 'VERBOSE', 'notice'),
  ...one('maxmemory-policy', 'lru', 'allkeys-LRU', 'noeviction'),
  ...one('acl-pubsub-default', 'x'),
  ...one('sanitize-dump-payload', 'x', 'clients'),
  ...one('propagation-error-behavior', 'x', 'panic'),
  ...one('cluster-preferred-endpoint-type', 'x', 'hostname'),
  ...one('cluster-announce-hostname', 'a'.repeat(256), 'a'.repeat(255), 'a_b', 'Host-1.example', 'h\xf6st', ''),
  ...one('cluster-announce-ip', 'anything goes', ''),
  ...one(
    'proc-title-template',
    '',
    '{title}',
    '{server-mode}',
    '{tls-port}',
    ' ',
    'a',
    '{{',
    '}',
    '{',
    '{}',
    '{Title}',
  ),
  ...one('proc-title-template', '{unixsocket} ', '{title} {port}', 'a{b', '{title} {listen-addr} {server-mode}'),
  ...one('masterauth', 'a b\0c\xff', ''),
  ...one('masteruser', 'a\0b', ''),
  ...one('ignore-warnings', 'foo', ''),
  ...one('port', '70000', '-1', 'x'),
  ...one('bind', '1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7'),
  ...one('databases', '5'),
  ...one('daemonize', 'yes'),
  ...one('replicaof', 'a b'),
  ...one('slaveof', 'no one'),
  ...one('dir', '/'),
  ...one('dbfilename', 'x'),
  ...one('enable-debug-command', 'yes'),
  ...one('unixsocketperm', '700'),
  ...one('use-exit-on-panic', 'yes'),
  ...one('no-such-directive', 'x'),
  ...one('', 'x'),
  ...one('SLAVE-Priority', 'x', '7'),
  ...one('replica-priority', '100'),
  [
    ['hz', '20'],
    ['timeout', '5'],
  ],
  [
    ['hz', '30'],
    ['timeout', 'x'],
  ],
  [
    ['hz', '30'],
    ['nope', 'x'],
  ],
  [
    ['hz', 'x'],
    ['nope', 'x'],
  ],
  [
    ['hz', '30'],
    ['databases', 'x'],
    ['nope', '1'],
  ],
  [
    ['nope', '1'],
    ['databases', 'x'],
  ],
  [
    ['hz', '30'],
    ['HZ', '40'],
  ],
  [
    ['replica-priority', '1'],
    ['slave-priority', '2'],
  ],
  [
    ['replica-priority', '3'],
    ['slave-priority', 'x'],
  ],
  [
    ['maxmemory', '1x'],
    ['hz', '1y'],
  ],
  [
    ['save', '1 1'],
    ['maxmemory', 'x'],
  ],
];

/** Answers that hang on the machine or the build. */
const OF_THE_MACHINE = ['dir', 'bind', 'port', 'save'];

describe('CONFIG GET', () => {
  const config = newConfig('/data');

  it('gives the canonical texts of the defaults', () => {
    expect(config.get(['maxmemory', 'APPENDONLY', 'maxmemory'])).toEqual([
      ['maxmemory', '0'],
      ['APPENDONLY', 'no'],
    ]);
    expect(config.get(['client-output-buffer-limit', 'save', 'bind', 'dir'])).toEqual([
      ['client-output-buffer-limit', 'normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60'],
      ['save', '3600 1 300 100 60 10000'],
      ['bind', '* -::*'],
      ['dir', '/data'],
    ]);
  });

  it('lists a directive under its aliases, too', () => {
    expect(config.get(['[rs]*of']).map(([name]) => name)).toEqual(['replicaof', 'slaveof']);
  });

  it('shows hidden directives to their exact names only', () => {
    expect(config.get(['watchdog-*'])).toEqual([]);
    expect(config.get(['watchdog-period'])).toEqual([['watchdog-period', '0']]);
  });

  it('finds nothing under an unknown name', () => {
    expect(config.get(['bogus', 'max\\memory'])).toEqual([]);
  });
});

describe('the values that code reads', () => {
  it('have the types that the table says', () => {
    const { values } = newConfig('/data');
    expectTypeOf(values.maxclients).toEqualTypeOf<number>();
    expectTypeOf(values.appendonly).toEqualTypeOf<boolean>();
    expectTypeOf(values.appendfsync).toEqualTypeOf<'everysec' | 'always' | 'no'>();
    expectTypeOf(values.bind).toEqualTypeOf<readonly string[]>();
    expect(values.maxclients).toBe(10000);
    expect(values['cluster-node-timeout']).toBe(15000);
    expect(values.appendonly).toBe(false);
    expect(values.bind).toEqual(['*', '-::*']);
    expect(values.save[0]).toEqual({ seconds: 3600, changes: 1 });
    expect(values.replicaof).toBeUndefined();
  });

  it('follow every change', () => {
    const config = newConfig();
    const { values } = config;
    const pairs: Pairs = [
      ['notify-keyspace-events', 'E$'],
      ['maxmemory-clients', '5%'],
      ['client-output-buffer-limit', 'slave 1kb 2kb 3'],
      ['shutdown-on-sigint', 'now nosave'],
    ];
    expect(config.set(pairs, REMOTE)).toBeUndefined();
    expect(values['notify-keyspace-events']).toBe(NOTIFY_KEYEVENT | NOTIFY_STRING);
    expect(values['maxmemory-clients']).toBe(-5);
    const replica = { hardBytes: 1024, softBytes: 2048, softSeconds: 3 };
    expect(values['client-output-buffer-limit'].replica).toEqual(replica);
    expect(values['shutdown-on-sigint']).toEqual(['nosave', 'now']);
    expect(assign(config, 'replicaof', '10.0.0.1', '7000')).toBeUndefined();
    expect(values.replicaof).toEqual({ host: '10.0.0.1', port: 7000 });
  });

  it('decode paths from UTF-8, while texts keep the bytes', () => {
    const config = newConfig();
    assign(config, 'logfile', 'caf\xc3\xa9.log');
    expect(config.values.logfile).toBe('café.log');
    expect(config.text('logfile')).toBe('caf\xc3\xa9.log');
  });

  it('resolve dir against the directory before it', () => {
    const config = newConfig('/');
    expect(assign(config, 'dir', 'usr')).toBeUndefined();
    expect(config.values.dir).toBe('/usr');
    expect(assign(config, 'dir', './bin/..')).toBeUndefined();
    expect(config.values.dir).toBe('/usr');
    expect(assign(config, 'dir', 'no-such-place')).toBe('No such file or directory');
    expect(config.values.dir).toBe('/usr');
  });

  it('have one spelling of synonyms', () => {
    const config = newConfig();
    expect(assign(config, 'oom-score-adj', 'RELATIVE')).toBeUndefined();
    expect(config.values['oom-score-adj']).toBe('yes');
  });

  it('belong to one configuration only', () => {
    const a = newConfig();
    const b = newConfig();
    a.set([['hz', '50']], REMOTE);
    expect(b.values.hz).toBe(10);
  });
});

describe('CONFIG SET', () => {
  let config = newConfig();
  beforeEach(() => {
    config = newConfig();
  });

  it('is all or nothing', () => {
    const error = config.set(
      [
        ['hz', '30'],
        ['save', ''],
        ['timeout', 'x'],
      ],
      REMOTE,
    );
    expect(error).toBe(
      "ERR CONFIG SET failed (possibly related to argument 'timeout') - argument couldn't be parsed into an integer",
    );
    expect(config.values.hz).toBe(10);
    expect(config.text('save')).toBe('3600 1 300 100 60 10000');
  });

  it.each([
    ['nope', '1', undefined],
    ['Databases', '1', "can't set immutable config"],
    ['dir', '/', "can't set protected config"],
    ['maxmemory', '1x', 'argument must be a memory value'],
    ['maxmemory-clients', 'x', 'argument must be a memory or percent value'],
    ['timeout', '-1', 'argument must be between 0 and 2147483647 inclusive'],
    ['appendonly', 'maybe', "argument must be 'yes' or 'no'"],
    ['appendfsync', 'x', 'argument(s) must be one of the following: everysec, always, no'],
    ['save', '1', 'Invalid save parameters'],
    ['bind', '1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7', 'Too many bind addresses specified.'],
  ])('refuses %s %j', (name, text, reason) => {
    expect(config.set([[name, text]], REMOTE)).toBe(
      reason === undefined
        ? `ERR Unknown option or number of arguments for CONFIG SET - '${name}'`
        : `ERR CONFIG SET failed (possibly related to argument '${name}') - ${reason}`,
    );
  });

  it('takes protected directives from whom enable-protected-configs allows', () => {
    const local = { isLocal: true, isLoading: false };
    const refusal = "ERR CONFIG SET failed (possibly related to argument 'dbfilename') - can't set protected config";
    expect(config.set([['dbfilename', 'x']], local)).toBe(refusal);
    assign(config, 'enable-protected-configs', 'local');
    expect(config.set([['dbfilename', 'x']], REMOTE)).toBe(refusal);
    expect(config.set([['dbfilename', 'x']], local)).toBeUndefined();
    assign(config, 'enable-protected-configs', 'yes');
    expect(config.set([['dbfilename', 'y']], REMOTE)).toBeUndefined();
    expect(config.values.dbfilename).toBe('y');
  });

  it('leaves some directives alone while the data is loading', () => {
    const loading = { isLocal: false, isLoading: true };
    expect(config.set([['appendonly', 'yes']], loading)).toBe('LOADING Redis is loading the dataset in memory');
    expect(config.set([['hz', '50']], loading)).toBeUndefined();
  });

  it('tells listeners of real changes, with both values', () => {
    const seen: unknown[] = [];
    config.onChange('hz', (value, previous) => void seen.push([value, previous]));
    config.set([['hz', '10']], REMOTE);
    config.set(
      [
        ['hz', '20'],
        ['timeout', '1'],
      ],
      REMOTE,
    );
    expect(seen).toEqual([[20, 10]]);
  });

  it('tells a listener of several directives once', () => {
    let calls = 0;
    const listener = () => void calls++;
    config.onChange('tls-cert-file', listener);
    config.onChange('tls-key-file', listener);
    config.set(
      [
        ['tls-cert-file', 'a'],
        ['tls-key-file', 'b'],
      ],
      REMOTE,
    );
    expect(calls).toBe(1);
  });

  it('goes back when a listener refuses, and tells those that had agreed', () => {
    const seen: number[] = [];
    config.onChange('hz', (value) => void seen.push(value));
    config.onChange('port', (port) => (port === 1 ? 'Unable to listen on this port. Check server logs.' : undefined));
    const error = config.set(
      [
        ['hz', '20'],
        ['port', '1'],
        ['timeout', '9'],
      ],
      REMOTE,
    );
    expect(error).toBe(
      "ERR CONFIG SET failed (possibly related to argument 'port') - Unable to listen on this port. Check server logs.",
    );
    expect(seen).toEqual([20, 10]);
    expect([config.values.hz, config.values.port, config.values.timeout]).toEqual([10, 6379, 0]);
    expect(config.text('hz')).toBe('10');
  });
});

describe('the table', () => {
  it('has no name twice', () => {
    const spellings = ENTRIES.map((entry) => entry.spelling);
    expect(new Set(spellings).size).toBe(spellings.length);
  });

  it('reads every default text back as the default', () => {
    for (const name of NAMES.filter((each) => each !== 'dir')) {
      const config = newConfig();
      const before = config.text(name);
      const words = before === '' && name === 'replicaof' ? ['no', 'one'] : [before];
      expect(assign(config, name, ...words), name).toBeUndefined();
      expect(config.text(name), name).toBe(before);
      expect(config.values[name], name).toEqual(newConfig().values[name]);
    }
  });
});

describeWithRedis('the table and the real server agree', (redis) => {
  it('on all names and defaults', async () => {
    const config = newConfig();
    const theirs = await realGet(redis.client, '*');
    const ours = new Map(config.get(['*']).filter(([name]) => !NEWER.includes(name)));
    expect([...ours.keys()].sort()).toEqual([...theirs.keys()].sort());
    for (const name of OF_THE_MACHINE) {
      ours.delete(name);
      theirs.delete(name);
    }
    expect([...ours].sort()).toEqual([...theirs].sort());
  });

  it('on the hidden directives', async () => {
    const hidden = ['watchdog-period', 'use-exit-on-panic', 'rdb-key-save-delay', 'key-load-delay'];
    hidden.push('loading-process-events-interval-bytes');
    expect(new Map(newConfig().get(hidden))).toEqual(await realGet(redis.client, ...hidden));
  });

  it('on what CONFIG SET answers and does', async () => {
    const config = newConfig();
    // The real server was not started with these two defaults.
    config.set([['save', '']], REMOTE);
    for (const pairs of SETS) {
      const what = JSON.stringify(pairs);
      const reply = await redis.client.call('CONFIG', 'SET', ...pairs.flat());
      const theirs = reply.type === 'error' ? reply.text : undefined;
      expect(config.set(pairs, REMOTE), what).toBe(theirs);
      const names = pairs.map(([name]) => name).filter((name) => !OF_THE_MACHINE.includes(name) || name === 'save');
      if (names.length > 0) expect(new Map(config.get(names)), what).toEqual(await realGet(redis.client, ...names));
    }
  });
});
