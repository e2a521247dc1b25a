/** Directives of a shape of their own: save points, buffer limits, addresses, percentiles and the like. */
import {
  type Directive,
  MULTI_ARG,
  type Options,
  type Parsed,
  parsed,
  plainLine,
  type RewriteLine,
  refused,
} from '../directive.js';
import { formatMemory, parseCInteger, parseMemory } from '../units.js';

/** Save the data set once `seconds` have gone by and at least `changes` keys were written. */
export interface SavePoint {
  readonly seconds: number;
  readonly changes: number;
}

/** `save <seconds> <changes> ...`. Lines of one load add up; a line with an empty word forgets those before it. */
export function savePoints(
  defaultValue: readonly SavePoint[],
  { flags = 0 }: Options = {},
): Directive<readonly SavePoint[]> {
  const print = (points: readonly SavePoint[]): string =>
    points.map(({ seconds, changes }) => `${seconds} ${changes}`).join(' ');
  return {
    aliases: [],
    flags: flags | MULTI_ARG,
    defaultValue,
    defaultText: print(defaultValue),
    parse(words, current, { repeated }): Parsed<readonly SavePoint[]> {
      const forget = words.length === 1 && words[0] === '';
      if (forget) words = [];
      const numbers = words.map(parseCInteger);
      const valid = numbers.every((value, i) => value !== undefined && value >= (i % 2 === 0 ? 1n : 0n));
      if (numbers.length % 2 === 1 || !valid) return refused('Invalid save parameters');
      const points: SavePoint[] = repeated && !forget ? [...current] : [];
      for (let i = 0; i < numbers.length; i += 2) {
        points.push({ seconds: Number(numbers[i]), changes: toInt32(numbers[i + 1]!) });
      }
      return parsed(points, print(points));
    },
    rewrite: (name, _text, points) =>
      points.length === 0
        ? [{ line: `${name} ""`, force: true }]
        : points.map((point) => ({ line: `${name} ${print([point])}`, force: true })),
  };
}

/** A client is cut off when it owes more than `hardBytes`, or more than `softBytes` for `softSeconds`; 0 is no limit. */
export interface BufferLimit {
  readonly hardBytes: number;
  readonly softBytes: number;
  readonly softSeconds: number;
}

export type BufferClass = 'normal' | 'replica' | 'pubsub';
export type BufferLimits = Readonly<Record<BufferClass, BufferLimit>>;

const BUFFER_CLASSES: readonly BufferClass[] = ['normal', 'replica', 'pubsub'];

/** `client-output-buffer-limit <class> <hard> <soft> <seconds> ...`. Classes that are not named keep their limits. */
export function bufferLimits(defaultValue: BufferLimits, { flags = 0 }: Options = {}): Directive<BufferLimits> {
  // CONFIG GET goes on calling replicas by their old name; the file uses the new one.
  const print = (limits: BufferLimits): string =>
    BUFFER_CLASSES.map((name) => {
      const { hardBytes, softBytes, softSeconds } = limits[name];
      return `${name === 'replica' ? 'slave' : name} ${BigInt(hardBytes)} ${BigInt(softBytes)} ${softSeconds}`;
    }).join(' ');
  return {
    aliases: [],
    flags: flags | MULTI_ARG,
    defaultValue,
    defaultText: print(defaultValue),
    parse(words, current): Parsed<BufferLimits> {
      if (words.length % 4 !== 0) return refused('Wrong number of arguments in buffer limit configuration.');
      const limits = { ...current };
      for (let i = 0; i < words.length; i += 4) {
        const name = bufferClass(words[i]);
        if (name === undefined) return refused('Invalid client class specified in buffer limit configuration.');
        const limit = bufferLimit(words[i + 1], words[i + 2], words[i + 3]);
        if (limit === undefined) {
          return refused('Error in hard, soft or soft_seconds setting in buffer limit configuration.');
        }
        limits[name] = limit;
      }
      return parsed(limits, print(limits));
    },
    rewrite: (name, _text, limits) =>
      BUFFER_CLASSES.map((which) => {
        const { hardBytes, softBytes, softSeconds } = limits[which];
        const sizes = `${formatMemory(BigInt(hardBytes))} ${formatMemory(BigInt(softBytes))}`;
        const line = `${name} ${which} ${sizes} ${softSeconds}`;
        return { line, force: print({ ...defaultValue, [which]: limits[which] }) !== print(defaultValue) };
      }),
  };
}

function bufferClass(word: string): BufferClass | undefined {
  const name = word.toLowerCase();
  return name === 'slave' ? 'replica' : BUFFER_CLASSES.find((candidate) => candidate === name);
}

function bufferLimit(hard: string, soft: string, seconds: string): BufferLimit | undefined {
  const hardBytes = parseMemory(hard);
  const softBytes = parseMemory(soft);
  const softSeconds = parseCInteger(seconds);
  if (hardBytes === undefined || softBytes === undefined || softSeconds === undefined) return undefined;
  if (toInt32(softSeconds) < 0) return undefined;
  return { hardBytes: Number(hardBytes), softBytes: Number(softBytes), softSeconds: toInt32(softSeconds) };
}

const MAX_BIND_ADDRESSES = 16;

/** The addresses to listen on. A leading `-` marks one that may be missing; one empty word stands for none at all. */
export function bindAddresses(
  defaultValue: readonly string[],
  { flags = 0 }: Options = {},
): Directive<readonly string[]> {
  const defaultText = defaultValue.join(' ');
  return {
    aliases: [],
    flags: flags | MULTI_ARG,
    defaultValue,
    defaultText,
    parse(words): Parsed<readonly string[]> {
      if (words.length > MAX_BIND_ADDRESSES) return refused('Too many bind addresses specified.');
      const addresses = words.length === 1 && words[0] === '' ? [] : [...words];
      return parsed(addresses, addresses.join(' '));
    },
    rewrite: (name, text): readonly RewriteLine[] =>
      text === defaultText ? [] : [{ line: `${name} ${text === '' ? '""' : text}`, force: true }],
  };
}

/** Where the master listens. */
export interface MasterAddress {
  readonly host: string;
  readonly port: number;
}

/** `replicaof <host> <port>`, or `replicaof no one`. */
export function masterAddress({ flags = 0, aliases = [] }: Options = {}): Directive<MasterAddress | undefined> {
  return {
    aliases,
    flags: flags | MULTI_ARG,
    defaultValue: undefined,
    defaultText: '',
    parse(words): Parsed<MasterAddress | undefined> {
      if (words.length !== 2) return refused('wrong number of arguments');
      const [host, portText] = words;
      if (host.toLowerCase() === 'no' && portText.toLowerCase() === 'one') return parsed(undefined, '');
      const port = parseCInteger(portText);
      if (port === undefined || port < 0n || port > 65535n) return refused('Invalid master port');
      return parsed({ host, port: Number(port) }, `${host} ${port}`);
    },
    rewrite: (name, text) => (text === '' ? [] : [{ line: `${name} ${text}`, force: true }]),
  };
}

/** The kernel's out-of-memory scores for a master, a replica and a child that saves. */
export function oomScores(defaultValue: readonly number[], { flags = 0 }: Options = {}): Directive<readonly number[]> {
  return {
    aliases: [],
    flags: flags | MULTI_ARG,
    defaultValue,
    defaultText: defaultValue.join(' '),
    parse(words): Parsed<readonly number[]> {
      if (words.length !== defaultValue.length) return refused('wrong number of arguments');
      const scores: number[] = [];
      for (const word of words) {
        const score = parseCInteger(word);
        if (score === undefined || score < -2000n || score > 2000n) {
          return refused('Invalid oom-score-adj-values, elements must be between -2000 and 2000.');
        }
        scores.push(Number(score));
      }
      return parsed(scores, scores.join(' '));
    },
    rewrite: (name, text) => plainLine(name, text, defaultValue.join(' ')),
  };
}

/** Percentiles from 0 to 100; one empty word stands for none. */
export function percentiles(
  defaultValue: readonly number[],
  { flags = 0 }: Options = {},
): Directive<readonly number[]> {
  const print = (values: readonly number[]): string => values.map(printPercentile).join(' ');
  return {
    aliases: [],
    flags: flags | MULTI_ARG,
    defaultValue,
    defaultText: print(defaultValue),
    parse(words): Parsed<readonly number[]> {
      const values = words.length === 1 && words[0] === '' ? [] : words.map(parseDouble);
      for (const value of values) {
        if (Number.isNaN(value)) return refused('Invalid latency-tracking-info-percentiles parameters');
        if (value < 0 || value > 100) {
          return refused('latency-tracking-info-percentiles parameters should sit between [0.0,100.0]');
        }
      }
      return parsed(values, print(values));
    },
    rewrite: (name, text) => [{ line: `${name} ${text || '""'}`, force: true }],
  };
}

/** The double that the whole text spells, NaN when it spells none or one out of a double's range. */
function parseDouble(word: string): number {
  if (/^[+-]?inf(?:inity)?$/i.test(word)) return word.startsWith('-') ? -Infinity : Infinity;
  if (!/^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?$|^[+-]?0x[0-9a-f]+$/i.test(word)) return Number.NaN;
  const magnitude = Number(word.replace(/^[+-]/, ''));
  const underflow = magnitude === 0 && /^[^e]*[1-9]/i.test(word) && !/^[+-]?0x/i.test(word);
  if (magnitude === Infinity || underflow) return Number.NaN;
  return word.startsWith('-') ? -magnitude : magnitude;
}

/** At most six decimals, without trailing zeros. */
function printPercentile(value: number): string {
  const digits = value.toFixed(6).replace(/\.?0+$/, '');
  return Object.is(value, -0) ? '-0' : digits;
}

/** What C keeps of a 64-bit integer in an int. */
function toInt32(value: bigint): number {
  return Number(BigInt.asIntN(32, value));
}
