/**
 * Random command sequences over few keys, so that commands meet each other's leavings. A history is made of commands
 * whose outcome does not depend on when they run: expiries are past, or many seconds apart from each other.
 */
import type { Random } from '../../../src/base/prng.js';

export interface RandomCommand {
  /** Which of the history's connections sends it. */
  readonly connection: number;
  readonly args: readonly string[];
}

type Make = (g: CommandGenerator) => string[];
/** How often a command comes beside the others of its list, and how it is made. */
export type WeightedCommand = readonly [weight: number, make: Make];

const KEYS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', '', 'k\x00\r\n', 'a long key of more than thirty bytes'];
const DATABASES = ['0', '0', '0', '1', '2'];
const INTEGERS = [
  '0',
  '1',
  '-1',
  '7',
  '100',
  '9999',
  '-12345',
  '9223372036854775807',
  '-9223372036854775808',
  '4294967296',
];
const FLOATS = ['0.5', '-2.25', '3e2', '1e-5', '10', '0.1', '123456.789', '-0', '1e17'];
const WORDS = [
  '',
  'abc',
  'ohmytext',
  'mynewtext',
  'x y',
  '01',
  '+5',
  ' 7',
  '1.5',
  'nan',
  'a\x00\xff',
  '9223372036854775808',
];
const BAD = ['', 'abc', '1.5', '9223372036854775808', ' 1'];

/** Strings, generic commands and transactions. */
export const BASIC_COMMANDS: readonly WeightedCommand[] = [
  [14, (g) => ['SET', g.key(), g.value(), ...g.setOptions()]],
  [8, (g) => ['GET', g.key()]],
  [3, (g) => ['GETSET', g.key(), g.value()]],
  [2, (g) => ['GETDEL', g.key()]],
  [3, (g) => ['GETEX', g.key(), ...g.one<string[]>([[], ['PERSIST'], ['EX', g.seconds()], ['PXAT', '1'], ['FOO']])]],
  [3, (g) => ['SETNX', g.key(), g.value()]],
  [2, (g) => ['SETEX', g.key(), g.seconds(), g.value()]],
  [2, (g) => ['PSETEX', g.key(), `${g.seconds()}000`, g.value()]],
  [6, (g) => ['APPEND', g.key(), g.value()]],
  [4, (g) => ['STRLEN', g.key()]],
  [5, (g) => ['GETRANGE', g.key(), g.offset(), g.offset()]],
  [2, (g) => ['SUBSTR', g.key(), g.offset(), g.offset()]],
  [5, (g) => ['SETRANGE', g.key(), g.offset(), g.value()]],
  [4, (g) => [g.one(['INCR', 'DECR']), g.key()]],
  [5, (g) => [g.one(['INCRBY', 'DECRBY']), g.key(), g.one([...INTEGERS, ...BAD])]],
  [4, (g) => ['INCRBYFLOAT', g.key(), g.one([...FLOATS, ...BAD, 'inf'])]],
  [4, (g) => ['MGET', ...g.keys()]],
  [4, (g) => [g.one(['MSET', 'MSETNX']), ...g.keys().flatMap((key) => [key, g.value()])]],
  [2, (g) => ['LCS', g.key(), g.key(), ...g.one([[], ['LEN'], ['IDX'], ['IDX', 'WITHMATCHLEN', 'MINMATCHLEN', '2']])]],
  [5, (g) => [g.one(['DEL', 'UNLINK']), ...g.keys()]],
  [4, (g) => [g.one(['EXISTS', 'TOUCH']), ...g.keys()]],
  [2, (g) => ['TYPE', g.key()]],
  [4, (g) => ['OBJECT', 'ENCODING', g.key()]],
  [
    8,
    (g) => [
      ...g.expire(),
      ...g.one<string[]>([[], [], ['NX'], ['XX'], ['GT'], ['LT'], ['XX', 'GT'], ['NX', 'LT'], ['FOO']]),
    ],
  ],
  [5, (g) => [g.one(['TTL', 'PTTL', 'EXPIRETIME', 'PEXPIRETIME']), g.key()]],
  [3, (g) => ['PERSIST', g.key()]],
  [4, (g) => [g.one(['RENAME', 'RENAMENX']), g.key(), g.key()]],
  [
    4,
    (g) => [
      'COPY',
      g.key(),
      g.key(),
      ...g.one([[], ['REPLACE'], ['DB', g.database()], ['DB', g.database(), 'REPLACE']]),
    ],
  ],
  [3, (g) => ['MOVE', g.key(), g.database()]],
  [2, (g) => ['SELECT', g.database()]],
  [2, (g) => ['SWAPDB', g.database(), g.database()]],
  [2, () => ['DBSIZE']],
  [2, (g) => ['KEYS', g.one(['*', 'a*', '?', '[a-c]', '[^a]*', 'k\\\x00*', ''])]],
  [2, (g) => ['SCAN', '0', 'COUNT', '10000', ...g.one([[], ['MATCH', '[a-d]'], ['TYPE', 'string'], ['TYPE', 'list']])]],
  [1, () => ['RANDOMKEY']],
  [1, (g) => [g.one(['FLUSHDB', 'FLUSHALL']), ...g.one([[], ['ASYNC'], ['SYNC']])]],
  [7, () => ['MULTI']],
  [9, () => ['EXEC']],
  [2, () => ['DISCARD']],
  [5, (g) => ['WATCH', ...g.keys()]],
  [1, () => ['UNWATCH']],
  [1, (g) => [g.one(['GET', 'SET', 'INCR', 'EXPIRE', 'MSET', 'FOO'])]],
];

export class CommandGenerator {
  readonly #random: Random;
  readonly #connections: number;
  readonly #commands: readonly WeightedCommand[];
  readonly #totalWeight: number;
  readonly #following: (readonly string[])[] = [];
  #connection = 0;

  constructor(random: Random, connections: number, commands: readonly WeightedCommand[]) {
    this.#random = random;
    this.#connections = connections;
    this.#commands = commands;
    this.#totalWeight = commands.reduce((sum, [weight]) => sum + weight, 0);
  }

  next(): RandomCommand {
    const following = this.#following.shift();
    if (following !== undefined) return { connection: this.#connection, args: following };
    let at = this.#random.below(this.#totalWeight);
    for (const [weight, make] of this.#commands) {
      at -= weight;
      if (at >= 0) continue;
      this.#connection = this.#random.below(this.#connections);
      return { connection: this.#connection, args: make(this) };
    }
    throw new Error('the weights do not add up');
  }

  /** The connection of the command that is being made sends this next, with nothing in between. */
  follow(args: readonly string[]): void {
    this.#following.push(args);
  }

  /** An integer in [0, bound). */
  below(bound: number): number {
    return this.#random.below(bound);
  }

  one<T>(choices: readonly T[]): T {
    return choices[this.#random.below(choices.length)] as T;
  }

  key(): string {
    return this.one(KEYS);
  }

  keys(): string[] {
    return Array.from({ length: 1 + this.#random.below(4) }, () => this.key());
  }

  database(): string {
    return this.one(DATABASES);
  }

  value(): string {
    switch (this.#random.below(4)) {
      case 0:
        return this.one(INTEGERS);
      case 1:
        return this.one(FLOATS);
      case 2:
        return this.one(WORDS);
      default:
        return this.one(['x', 'yz', '7']).repeat(this.#random.below(70));
    }
  }

  offset(): string {
    return this.one(['0', '1', '2', '5', '43', '44', '45', '100', '-1', '-3', '-200', 'abc']);
  }

  /** Ten seconds apart from each other: which of two is later does not depend on the milliseconds in between. */
  seconds(): string {
    return String(100 + 10 * this.#random.below(90));
  }

  /** No expiry in the past: SET keeps such a key until somebody looks, and DBSIZE counts it until then. */
  setOptions(): string[] {
    const expiry: string[][] = [
      [],
      [],
      [],
      ['EX', this.seconds()],
      ['PX', `${this.seconds()}000`],
      ['KEEPTTL'],
      ['EXAT', '9999999999'],
    ];
    const options = [...this.one(expiry), ...this.one([[], [], [], ['NX'], ['XX']]), ...this.one([[], [], ['GET']])];
    return this.#random.below(20) === 0 ? [...options, this.one(['FOO', 'EX', 'NX', 'KEEPTTL'])] : options;
  }

  expire(): string[] {
    const key = this.key();
    switch (this.#random.below(6)) {
      case 0:
        return ['EXPIRE', key, this.one(['-1', '0', '9223372036854775807', ...BAD])];
      case 1:
        return ['PEXPIRE', key, `${this.seconds()}000`];
      case 2:
        return ['EXPIREAT', key, `99999${this.seconds()}99`];
      case 3:
        return ['PEXPIREAT', key, this.one(['1', '9999999999123', '9999999999999'])];
      default:
        return ['EXPIRE', key, this.seconds()];
    }
  }
}
