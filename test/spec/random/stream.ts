/**
 * Stream commands for random histories. Ids mostly ascend, as they must for XADD to succeed; groups and consumers are few.
 *
 * Redis 7.2, which we follow, makes a consumer even when there is nothing for it, 7.0 does not: so reading and claiming follow
 * on XGROUP CREATECONSUMER. Nor do ids of XSETID go back, for 7.0 does not check them against what was deleted.
 */
import type { CommandGenerator, WeightedCommand } from './generator.js';

const BAD_IDS = ['', 'abc', '-', '+', '1-', '18446744073709551616', '1-2-3', '5-*', '$', '>', ' 1'];
const GROUPS = ['g', 'g', 'h', '', 'a group of a longer name'];
const CONSUMERS = ['c', 'c', 'd', ''];
const FIELDS = ['a', 'field', '12', ''];

/** The greatest id of each history so far. */
const tops = new WeakMap<CommandGenerator, number>();

function top(g: CommandGenerator): number {
  return tops.get(g) ?? 1;
}

function key(g: CommandGenerator): string {
  return g.below(12) === 0 ? g.key() : g.one(['s', 's', 't']);
}

/** An id for XADD. */
function newId(g: CommandGenerator): string {
  tops.set(g, top(g) + g.below(g.below(40) === 0 ? 1_000_000 : 3));
  if (g.below(30) === 0) return g.one(BAD_IDS);
  return `${top(g)}${g.one(['-*', '-*', '', `-${g.below(9)}`])}`;
}

/** An id that may be there. */
function oldId(g: CommandGenerator): string {
  if (g.below(40) === 0) return g.one(BAD_IDS);
  const near = Math.max(0, top(g) - g.below(g.below(3) === 0 ? top(g) : 40));
  return `${near}${g.one(['', '-0', '-0', '-1', '-2'])}`;
}

function oldIds(g: CommandGenerator): string[] {
  return Array.from({ length: 1 + g.below(5) }, () => oldId(g));
}

function pairs(g: CommandGenerator): string[] {
  if (g.below(4) > 0) return ['temperature', g.value(), 'humidity', String(g.below(100))];
  return Array.from({ length: 1 + g.below(3) }, () => [g.one(FIELDS), g.value()]).flat();
}

function bounds(g: CommandGenerator): [string, string] {
  const one = (whole: string): string => g.one([whole, whole, oldId(g), oldId(g), `(${oldId(g)}`]);
  return [one('-'), one('+')];
}

function count(g: CommandGenerator): string[] {
  return g.one([
    [],
    [],
    ['COUNT', String(g.below(12))],
    ['COUNT', g.one(['-1', '1000', 'abc', '9223372036854775807'])],
  ]);
}

function trimming(g: CommandGenerator): string[] {
  const limit = g.one([[], ['LIMIT', String(g.below(20))]]);
  const how = g.one([[], ['='], ['~'], ['~', '*']]);
  const kind = g.one([
    ['MAXLEN', String(g.below(60))],
    ['MINID', oldId(g)],
  ]) as [string, string];
  return [
    kind[0],
    ...how.filter((each) => each !== '*'),
    kind[1],
    ...(how[0] === '~' || g.below(20) === 0 ? limit : []),
  ];
}

/** A command that names a consumer, which is made first. */
function withConsumer(g: CommandGenerator, make: (key: string, group: string, consumer: string) => string[]): string[] {
  const [name, group, consumer] = [key(g), g.one(GROUPS), g.one(CONSUMERS)];
  g.follow(make(name, group, consumer));
  return ['XGROUP', 'CREATECONSUMER', name, group, consumer];
}

function claimOptions(g: CommandGenerator): string[] {
  const options = [
    ['FORCE'],
    ['FORCE'],
    ['JUSTID'],
    ['IDLE', g.one(['0', '1000', '100000000', '-1'])],
    ['TIME', g.one(['1000', '1', '-1'])],
    ['RETRYCOUNT', g.one(['0', '5', '9223372036854775807', '-1'])],
    ['LASTID', oldId(g)],
    ['FOO'],
  ];
  return Array.from({ length: g.below(3) }, () => g.one(options)).flat();
}

const minIdle = (g: CommandGenerator): string => g.one(['0', '0', '0', '10000000', '-1', 'abc']);

export const STREAM_COMMANDS: readonly WeightedCommand[] = [
  [60, (g) => ['XADD', key(g), newId(g), ...pairs(g)]],
  [6, (g) => ['XADD', key(g), ...g.one([['NOMKSTREAM'], []]), ...trimming(g), newId(g), ...pairs(g)]],
  [4, (g) => ['XTRIM', key(g), ...trimming(g)]],
  [10, (g) => ['XRANGE', key(g), ...bounds(g), ...count(g)]],
  [10, (g) => ['XREVRANGE', key(g), ...bounds(g).reverse(), ...count(g)]],
  [4, (g) => ['XLEN', key(g)]],
  [14, (g) => ['XDEL', key(g), ...oldIds(g)]],
  [6, (g) => ['XREAD', ...count(g), 'STREAMS', key(g), key(g), oldId(g), oldId(g)]],
  [
    1,
    (g) => [
      'XSETID',
      key(g),
      `${top(g) + g.below(3)}`,
      ...g.one([[], [], ['ENTRIESADDED', String(g.below(2000))], ['MAXDELETEDID', oldId(g)]]),
    ],
  ],
  [14, (g) => ['XGROUP', 'CREATE', key(g), g.one(GROUPS), g.one(['0', '$', oldId(g)]), ...g.one([[], ['MKSTREAM']])]],
  [
    5,
    (g) => [
      'XGROUP',
      'SETID',
      key(g),
      g.one(GROUPS),
      g.one(['0', '$', oldId(g)]),
      ...g.one([[], ['ENTRIESREAD', g.one(['0', '5', '-1', '-2'])]]),
    ],
  ],
  [1, (g) => ['XGROUP', 'DESTROY', key(g), g.one(GROUPS)]],
  [2, (g) => ['XGROUP', 'DELCONSUMER', key(g), g.one(GROUPS), g.one(CONSUMERS)]],
  [
    30,
    (g) =>
      withConsumer(g, (name, group, consumer) => [
        'XREADGROUP',
        'GROUP',
        group,
        consumer,
        ...g.one([[], [], [], ['NOACK']]),
        ...count(g),
        'STREAMS',
        name,
        g.one(['>', '>', '>', '0', oldId(g)]),
      ]),
  ],
  [12, (g) => ['XACK', key(g), g.one(GROUPS), ...oldIds(g)]],
  [6, (g) => ['XPENDING', key(g), g.one(GROUPS)]],
  [
    10,
    (g) => [
      'XPENDING',
      key(g),
      g.one(GROUPS),
      ...g.one([[], [], ['IDLE', '10000000']]),
      ...bounds(g),
      String(g.below(30)),
      ...g.one([[], [g.one(CONSUMERS)]]),
    ],
  ],
  [
    12,
    (g) =>
      withConsumer(g, (name, group, consumer) => [
        'XCLAIM',
        name,
        group,
        consumer,
        minIdle(g),
        ...oldIds(g),
        ...claimOptions(g),
      ]),
  ],
  [
    10,
    (g) =>
      withConsumer(g, (name, group, consumer) => [
        'XAUTOCLAIM',
        name,
        group,
        consumer,
        minIdle(g),
        g.one(['0', '-', oldId(g), `(${oldId(g)}`]),
        ...g.one([[], ['COUNT', String(g.below(9))]]),
        ...g.one([[], ['JUSTID']]),
      ]),
  ],
  [8, (g) => ['XINFO', g.one(['STREAM', 'GROUPS']), key(g)]],
  [1, (g) => ['CONFIG', 'SET', 'stream-node-max-entries', g.one(['100', '100', '7', '3', '0'])]],
  [1, (g) => ['CONFIG', 'SET', 'stream-node-max-bytes', g.one(['4096', '4096', '300', '0'])]],
];
