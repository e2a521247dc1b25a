import {
  type ArgumentDoc,
  DENYOOM,
  index,
  type KeySpec,
  keyword,
  MOVABLEKEYS,
  READONLY,
  range,
  WRITE,
} from '../command.js';
import type { Command } from '../define.js';
import { KEY, oneKey, token, twoKeys } from '../generic/declare.js';
import { MEMBER, replacedBy } from '../zset/declare.js';
import { geoCommand, LATITUDE, LONGITUDE, UNIT } from './declare.js';
import { positionCommands } from './positions.js';
import { runSearch } from './search.js';

const COMPLEXITY = 'O(N+log(M)) with N members in the cells of the map around the shape and M members in the shape.';

const RADIUS: ArgumentDoc = { name: 'radius', type: 'double' };
const COORDINATES: readonly ArgumentDoc[] = [LONGITUDE, LATITUDE];
const ORDER: ArgumentDoc = {
  name: 'order',
  type: 'oneof',
  flags: ['optional'],
  arguments: [token('asc'), token('desc')],
};
const WITH: readonly ArgumentDoc[] = [
  token('withcoord', { flags: ['optional'] }),
  token('withdist', { flags: ['optional'] }),
  token('withhash', { flags: ['optional'] }),
];
const BY_WHAT: ArgumentDoc = {
  name: 'by',
  type: 'oneof',
  arguments: [
    { name: 'circle', type: 'block', arguments: [{ ...RADIUS, token: 'BYRADIUS' }, UNIT] },
    {
      name: 'box',
      type: 'block',
      arguments: [{ name: 'width', type: 'double', token: 'BYBOX' }, { name: 'height', type: 'double' }, UNIT],
    },
  ],
};
const FROM_WHERE: ArgumentDoc = {
  name: 'from',
  type: 'oneof',
  arguments: [
    { ...MEMBER, token: 'FROMMEMBER' },
    { name: 'fromlonlat', type: 'block', token: 'FROMLONLAT', arguments: COORDINATES },
  ],
};

function countDoc(anySince?: string): ArgumentDoc {
  const any = token('any', { flags: ['optional'] });
  return {
    name: 'count-block',
    type: 'block',
    flags: ['optional'],
    arguments: [
      { name: 'count', type: 'integer', token: 'COUNT' },
      anySince === undefined ? any : { ...any, since: anySince },
    ],
  };
}

// ---------------------------------------------------------------- GEORADIUS and its kind

interface RadiusVariant {
  name: string;
  byMember: boolean;
  stores: boolean;
  since: string;
  history?: NonNullable<Command['history']>;
}

/** STORE and STOREDIST, whose keys come behind a word. */
function storeKeys(startFrom: number): readonly KeySpec[] {
  return ['STORE', 'STOREDIST'].map((word) => ({
    begin: keyword(word, startFrom),
    find: range(0, 1),
    access: 'OW update',
  }));
}

const STORE: ArgumentDoc = {
  name: 'store',
  type: 'oneof',
  flags: ['optional'],
  arguments: [
    { name: 'storekey', type: 'key', token: 'STORE', keySpecIndex: 1 },
    { name: 'storedistkey', type: 'key', token: 'STOREDIST', keySpecIndex: 2 },
  ],
};

function radiusCommand({ name, byMember, stores, since, history = [] }: RadiusVariant): Command {
  const source = { begin: index(1), find: range(0, 1), access: 'RO access' };
  const around = byMember ? 'a member' : 'a position';
  const arity = byMember ? -5 : -6;
  const replacement = stores ? '`GEOSEARCH` and `GEOSEARCHSTORE`' : '`GEOSEARCH`';
  const how = byMember ? '`BYRADIUS` and `FROMMEMBER` arguments' : '`BYRADIUS` argument';
  return geoCommand({
    name,
    ...replacedBy(`${replacement} with the ${how}`),
    arity,
    since,
    flags: stores ? WRITE | DENYOOM | MOVABLEKEYS : READONLY,
    keys: stores ? [source, ...storeKeys(-arity)] : [source],
    complexity: COMPLEXITY,
    summary: `Replies the members of a sorted set inside a circle around ${around}${stores ? ', or stores them' : ''}.`,
    history,
    arguments: [
      KEY,
      ...(byMember ? [MEMBER] : COORDINATES),
      RADIUS,
      UNIT,
      ...WITH,
      countDoc(byMember ? undefined : '6.2.0'),
      ORDER,
      ...(stores ? [STORE] : []),
    ],
    run: (ctx) => runSearch(ctx, 1, { search: false, byMember, stores }),
  });
}

const ANY_CAME = ['6.2.0', 'The option `ANY` of `COUNT` came.'] as const;
const UPPERCASE_CAME = ['7.0.0', 'Units may be in upper case.'] as const;

/** Every command of the group `geo`. */
export const geoCommands: readonly Command[] = [
  ...positionCommands,
  geoCommand({
    name: 'geosearch',
    arity: -7,
    since: '6.2.0',
    flags: READONLY,
    keys: oneKey('RO access'),
    complexity: COMPLEXITY,
    summary: 'Replies the members of a sorted set inside a circle or a box.',
    history: [UPPERCASE_CAME],
    arguments: [KEY, FROM_WHERE, BY_WHAT, ORDER, countDoc(), ...WITH],
    run: (ctx) => runSearch(ctx, 1, { search: true, byMember: false, stores: false }),
  }),
  geoCommand({
    name: 'geosearchstore',
    arity: -8,
    since: '6.2.0',
    flags: WRITE | DENYOOM,
    keys: twoKeys('OW update', 'RO access'),
    complexity: COMPLEXITY,
    summary: 'Stores the members of a sorted set inside a circle or a box under another key.',
    history: [UPPERCASE_CAME],
    arguments: [
      { name: 'destination', type: 'key', keySpecIndex: 0 },
      { name: 'source', type: 'key', keySpecIndex: 1 },
      FROM_WHERE,
      BY_WHAT,
      ORDER,
      countDoc(),
      token('storedist', { flags: ['optional'] }),
    ],
    run: (ctx) => runSearch(ctx, 2, { search: true, byMember: false, stores: true }),
  }),
  radiusCommand({
    name: 'georadius',
    byMember: false,
    stores: true,
    since: '3.2.0',
    history: [ANY_CAME, UPPERCASE_CAME],
  }),
  radiusCommand({ name: 'georadius_ro', byMember: false, stores: false, since: '3.2.10', history: [ANY_CAME] }),
  radiusCommand({
    name: 'georadiusbymember',
    byMember: true,
    stores: true,
    since: '3.2.0',
    history: [ANY_CAME, UPPERCASE_CAME],
  }),
  radiusCommand({ name: 'georadiusbymember_ro', byMember: true, stores: false, since: '3.2.10' }),
];
