/** SORT and SORT_RO. */
import { fromLatin1 } from '../../base/bytes.js';
import { NOT_AN_INTEGER, SYNTAX, WRONGTYPE } from '../../resp/errors.js';
import { TYPE_SET } from '../../store/types.js';
import { parseScore } from '../../types/zset/score.js';
import {
  type ArgumentDoc,
  DENYOOM,
  index,
  type KeyArguments,
  type KeySpec,
  MOVABLEKEYS,
  READONLY,
  range,
  WRITE,
} from '../command.js';
import { type CommandContext, EVENT_GENERIC, EVENT_LIST, EVENT_NEW } from '../context.js';
import { type Command, command } from '../define.js';
import { KEY, token } from './declare.js';
import { isSortable, sortInput, type Text } from './sortInput.js';
import { followPattern, type SortPattern, sortPattern } from './sortPattern.js';

const NO_NUMBERS = "ERR One or more scores can't be converted into double";
const BY_IN_CLUSTER = 'ERR BY option of SORT denied in Cluster mode.';
const GET_IN_CLUSTER = 'ERR GET option of SORT denied in Cluster mode.';

interface SortOptions {
  isDescending: boolean;
  isAlphabetic: boolean;
  /** LIMIT: a negative count is no limit. */
  from: bigint;
  count: bigint;
  /** Undefined: by the elements themselves. */
  by: SortPattern | undefined;
  /** BY a pattern without a star: the elements stay in the order in which they are. */
  isUnsorted: boolean;
  readonly get: SortPattern[];
  /** The argument with the key to store to; 0 for none. */
  store: number;
}

/** The options; undefined when they are wrong, which has then been replied. */
function sortOptions(ctx: CommandContext, readOnly: boolean): SortOptions | undefined {
  const options: SortOptions = {
    isDescending: false,
    isAlphabetic: false,
    from: 0n,
    count: -1n,
    by: undefined,
    isUnsorted: false,
    get: [],
    store: 0,
  };
  for (let i = 2; i < ctx.argc; ) {
    const taken = takeOption(ctx, i, options, readOnly);
    if (typeof taken === 'string') {
      ctx.reply.error(taken);
      return undefined;
    }
    i += taken;
  }
  return options;
}

/** Takes the option in argument i. Answers how many arguments it has with its name, or the error. */
function takeOption(ctx: CommandContext, i: number, options: SortOptions, readOnly: boolean): number | string {
  const behind = ctx.argc - i - 1;
  if (ctx.argIs(i, 'asc') || ctx.argIs(i, 'desc')) {
    options.isDescending = ctx.argIs(i, 'desc');
    return 1;
  }
  if (ctx.argIs(i, 'alpha')) {
    options.isAlphabetic = true;
    return 1;
  }
  if (ctx.argIs(i, 'limit') && behind >= 2) {
    const from = ctx.argInt64(i + 1);
    const count = ctx.argInt64(i + 2);
    if (from === undefined || count === undefined) return NOT_AN_INTEGER;
    options.from = from;
    options.count = count;
    return 3;
  }
  if (behind < 1) return SYNTAX;
  const inCluster = ctx.server.cluster !== undefined;
  if (ctx.argIs(i, 'store') && !readOnly) options.store = i + 1;
  else if (ctx.argIs(i, 'by')) {
    const by = sortPattern(ctx.argText(i + 1));
    if (by.behind === undefined) options.isUnsorted = true;
    else if (inCluster) return BY_IN_CLUSTER;
    options.by = by;
  } else if (ctx.argIs(i, 'get')) {
    if (inCluster) return GET_IN_CLUSTER;
    options.get.push(sortPattern(ctx.argText(i + 1)));
  } else return SYNTAX;
  return 2;
}

function runSort(ctx: CommandContext, readOnly: boolean): void {
  const options = sortOptions(ctx, readOnly);
  if (options === undefined) return;
  const ref = ctx.lookupRead(1);
  const type = ref === 0 ? -1 : ctx.db.type(ref);
  if (ref !== 0 && !isSortable(type)) return ctx.reply.error(WRONGTYPE);
  if (options.isUnsorted && options.store !== 0 && type === TYPE_SET) {
    // A set has no order of its own that replicas would share.
    options.isUnsorted = false;
    options.isAlphabetic = true;
    options.by = undefined;
  }
  const input = ref === 0 ? [] : sortInput(ctx, ref);
  const elements = options.isUnsorted ? unsorted(input, options, type) : sorted(ctx, input, options);
  if (elements === undefined) return ctx.reply.error(NO_NUMBERS);
  const output = project(ctx, limited(elements, options), options.get);
  if (options.store !== 0) return storeList(ctx, options.store, output);
  ctx.reply.array(output.length);
  for (const text of output) {
    if (text === undefined) ctx.reply.nil();
    else ctx.reply.latin1(text);
  }
}

function unsorted(input: Text[], { isDescending }: SortOptions, type: number): Text[] {
  return isDescending && type !== TYPE_SET ? input.reverse() : input;
}

/** The elements in order; undefined when they are to be ordered by numbers and one of these is none. */
function sorted(ctx: CommandContext, input: readonly Text[], options: SortOptions): Text[] | undefined {
  const { by, isAlphabetic, isDescending } = options;
  const weights = input.map((element) => (by === undefined ? element : followPattern(ctx, by, element)));
  const sign = isDescending ? -1 : 1;
  const order = input.map((_, i) => i);
  if (isAlphabetic) {
    order.sort((a, b) => sign * compareTexts(weights[a], weights[b]));
  } else {
    const scores = weights.map((weight) => (weight === undefined ? 0 : scoreOf(weight)));
    if (scores.some(Number.isNaN)) return undefined;
    order.sort((a, b) => sign * (compareNumbers(scores[a], scores[b]) || compareTexts(input[a], input[b])));
  }
  return order.map((i) => input[i]);
}

/** What C's strtod makes of the whole text: it begins behind spaces, and nothing at all is 0. NaN when it is no number. */
function scoreOf(weight: Text): number {
  const text = /^[ \t-\r]*([^\0]*)/.exec(weight)?.[1] ?? '';
  if (text === '') return weight === '' || weight.startsWith('\0') ? 0 : Number.NaN;
  return parseScore(fromLatin1(text), 0, text.length);
}

function compareNumbers(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** What is not there comes first. */
function compareTexts(a: Text | undefined, b: Text | undefined): number {
  if (a === b) return 0;
  if (a === undefined || b === undefined) return a === undefined ? -1 : 1;
  return a < b ? -1 : 1;
}

function limited(elements: Text[], { from, count }: SortOptions): Text[] {
  const start = from < 0n ? 0 : Number(from);
  return elements.slice(start, count < 0n ? undefined : start + Number(count));
}

/** What GET asks for of each element; the element itself without GET. */
function project(ctx: CommandContext, elements: Text[], get: readonly SortPattern[]): (Text | undefined)[] {
  if (get.length === 0) return elements;
  return elements.flatMap((element) => get.map((pattern) => followPattern(ctx, pattern, element)));
}

/** Makes the output the list of key argument i, or removes that key when there is none, and replies how long it is. */
function storeList(ctx: CommandContext, i: number, output: readonly (Text | undefined)[]): void {
  const { db, buf, lists } = ctx;
  const start = ctx.start[i];
  const end = ctx.end[i];
  const old = ctx.lookupWrite(i);
  if (output.length > 0) {
    const elements = output.map((text) => fromLatin1(text ?? ''));
    lists.begin(
      db,
      elements.reduce((sum, element) => sum + element.length, 0),
      elements.length,
    );
    for (const element of elements) lists.add(lists.element.set(element, 0, element.length), false);
    db.setLru(lists.create(db, buf, start, end), ctx.initialAccessBits());
    if (old === 0) ctx.notify(db, buf, start, end, EVENT_NEW, 'new');
    ctx.touched(i, EVENT_LIST, 'sortstore');
    ctx.markDirty(output.length);
  } else if (old !== 0) {
    db.delete(old);
    ctx.modified(i, EVENT_GENERIC, 'del');
  }
  ctx.reply.integer(output.length);
}

/** The key to sort and, of several, the last one to store to. */
function sortKeys(args: KeyArguments, out: number[]): void {
  out.push(1);
  let store = 0;
  for (let i = 2; i < args.argc; i++) {
    const word = Buffer.from(args.buf.subarray(args.start[i], args.end[i])).toString('latin1').toLowerCase();
    if (word === 'limit') i += 2;
    else if (word === 'get' || word === 'by') i++;
    else if (word === 'store' && i + 1 < args.argc) store = ++i;
  }
  if (store > 0) out.push(store);
}

const SORTED: KeySpec = { begin: index(1), find: range(0, 1), access: 'RO access' };
const FOLLOWED: KeySpec = {
  begin: { type: 'unknown' },
  find: { type: 'unknown' },
  access: 'RO access',
  notes: 'The keys that BY and GET lead to. Their names come from the elements that are sorted.',
};
const STORED: KeySpec = {
  begin: { type: 'unknown' },
  find: { type: 'unknown' },
  access: 'OW update',
  notes: 'The key that STORE names. It may stand anywhere among the options.',
};

const PATTERN: ArgumentDoc = { name: 'pattern', type: 'pattern', keySpecIndex: 1 };
const ARGUMENTS: readonly ArgumentDoc[] = [
  KEY,
  { ...PATTERN, token: 'BY', flags: ['optional'] },
  {
    name: 'offset_count',
    type: 'block',
    token: 'LIMIT',
    flags: ['optional'],
    arguments: [
      { name: 'offset', type: 'integer' },
      { name: 'count', type: 'integer' },
    ],
  },
  { ...PATTERN, token: 'GET', flags: ['optional', 'multiple', 'multiple_token'] },
  { name: 'order', type: 'oneof', flags: ['optional'], arguments: [token('asc'), token('desc')] },
  { name: 'sorting', type: 'pure-token', token: 'ALPHA', flags: ['optional'] },
];

const SORTS = {
  arity: -2,
  group: 'generic',
  acl: ['set', 'sortedset', 'list', 'dangerous'],
  complexity: 'O(N+M*log(M)) with N elements to sort and M to reply; O(N) when they are not to be sorted.',
} as const;

export const sortCommands: readonly Command[] = [
  command({
    ...SORTS,
    name: 'sort',
    since: '1.0.0',
    flags: WRITE | DENYOOM | MOVABLEKEYS,
    keys: [SORTED, FOLLOWED, STORED],
    summary: 'Replies the elements of a list, a set or a sorted set in order, or stores them as a list.',
    arguments: [
      ...ARGUMENTS,
      { name: 'destination', type: 'key', keySpecIndex: 2, token: 'STORE', flags: ['optional'] },
    ],
    getKeys: sortKeys,
    run: (ctx) => runSort(ctx, false),
  }),
  command({
    ...SORTS,
    name: 'sort_ro',
    since: '7.0.0',
    flags: READONLY | MOVABLEKEYS,
    keys: [SORTED, FOLLOWED],
    summary: 'Replies the elements of a list, a set or a sorted set in order.',
    arguments: ARGUMENTS,
    getKeys: (_, out) => {
      out.push(1);
    },
    run: (ctx) => runSort(ctx, true),
  }),
];
