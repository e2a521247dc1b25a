/** The harness itself: the decoder on every split, the notation there and back, patterns that must not match. */
import { describe, expect, it } from 'vitest';
import { formatReply } from '../support/notation.js';
import { matches, parsePatterns } from '../support/pattern.js';
import { quote, splitArgs, unescapeLine } from '../support/quoting.js';
import { encodeRequest, MalformedReply, type Reply, ReplyDecoder } from '../support/resp.js';
import { parseSpecFile, renderSpecFile } from './harness/specfile.js';
import { sameStateLine } from './harness/state.js';

const REPLIES: readonly (readonly [bytes: string, notation: string])[] = [
  ['+OK\r\n', '+OK'],
  ['+two words\r\n', '+two words'],
  ['-ERR no, not [this]\r\n', '-ERR no, not [this]'],
  ['-ERR ends with \r\n', '-"ERR ends with "'],
  [':-12\r\n', ':-12'],
  ['$-1\r\n', '(nil)'],
  ['*-1\r\n', '(nil array)'],
  ['_\r\n', '(null)'],
  ['$0\r\n\r\n', '""'],
  ['$6\r\na"\r\n\x00\xff\r\n', '"a\\"\\r\\n\\x00\\xff"'],
  ['*0\r\n', '[]'],
  ['*3\r\n$1\r\na\r\n*1\r\n:1\r\n+OK\r\n', '["a", [:1], +OK]'],
  ['*2\r\n-ERR a, b\r\n:1\r\n', '[\n  -ERR a, b\n  :1\n]'],
  ['%2\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n*0\r\n', '{ "a" => :1, "b" => [] }'],
  ['~2\r\n+a\r\n+b\r\n', 'set[+a, +b]'],
  ['>2\r\n$1\r\na\r\n:1\r\n', 'push["a", :1]'],
  ['|1\r\n+a\r\n:1\r\n', 'attr{ +a => :1 }'],
  [',1.5\r\n', '(double 1.5)'],
  ['(123456789012345678901234567890\r\n', '(big 123456789012345678901234567890)'],
  ['#t\r\n', '(true)'],
  ['#f\r\n', '(false)'],
  ['=9\r\ntxt:a\r\nb\x01\r\n', '(verbatim txt "a\\r\\nb\\x01")'],
  [`$400\r\n${'x'.repeat(400)}\r\n`, '<bulk 400 ad8eb8432087114c734db69e0de50b1b2b9a70ad>'],
];

function decode(pieces: readonly Buffer[]): Reply[] {
  const decoder = new ReplyDecoder();
  const replies: Reply[] = [];
  for (const piece of pieces) {
    decoder.push(piece);
    for (let reply = decoder.next(); reply !== undefined; reply = decoder.next()) replies.push(reply);
  }
  return replies;
}

describe('the reply decoder', () => {
  const bytes = Buffer.from(REPLIES.map(([reply]) => reply).join(''), 'latin1');
  const notations = REPLIES.map(([, notation]) => notation);

  it('reads every type', () => {
    expect(decode([bytes]).map((reply) => formatReply(reply))).toEqual(notations);
  });

  it('reads the same byte by byte and at every split', () => {
    const whole = decode([bytes]);
    expect(decode([...bytes].map((byte) => Buffer.of(byte)))).toEqual(whole);
    for (let cut = 0; cut <= bytes.length; cut++) {
      expect(decode([bytes.subarray(0, cut), bytes.subarray(cut)])).toEqual(whole);
    }
  });

  it('refuses what is not RESP', () => {
    for (const text of ['hello\r\n', '*x\r\n', '$-2\r\n', '$1\r\nabc\r\n', '\r\n']) {
      expect(() => decode([Buffer.from(text)]), text).toThrow(MalformedReply);
    }
  });
});

describe('the notation', () => {
  it.each(REPLIES)('of %j is read back as the same reply', (bytes, notation) => {
    const [reply] = decode([Buffer.from(bytes, 'latin1')]) as [Reply];
    const patterns = parsePatterns(notation);
    expect(patterns).toHaveLength(1);
    expect(matches(patterns[0] as never, reply, new Map())).toBe(true);
  });

  it('keeps all other replies apart', () => {
    REPLIES.forEach(([bytes], i) => {
      const [reply] = decode([Buffer.from(bytes, 'latin1')]) as [Reply];
      REPLIES.forEach(([, other], j) => {
        const matched = matches(parsePatterns(other)[0] as never, reply, new Map());
        expect(matched, `${bytes} as ${other}`).toBe(i === j);
      });
    });
  });

  const bulk = (text: string): Reply => ({ type: 'bulk', text });
  const integer = (text: string): Reply => ({ type: 'integer', text });

  it.each([
    ['<any>', bulk('x'), true],
    ['<int>', bulk('1'), false],
    ['<bulk>', bulk('1'), true],
    ['~/a.c/', bulk('a\nc'), true],
    ['~/a.c/', bulk('abcd'), false],
    ['-~/ERR .*/', { type: 'error', text: 'ERR x' }, true],
    ['-~/ERR .*/', { type: 'simple', text: 'ERR x' }, false],
    [':~100', integer('100'), true],
    [':~100', integer('95'), true],
    [':~100', integer('94'), false],
    [':~100', integer('101'), false],
    ['[:1, ...]', { type: 'array', items: [integer('1'), bulk('x')] }, true],
    ['[:1, ...]', { type: 'array', items: [integer('2'), bulk('x')] }, false],
    ['[:1]', { type: 'array', items: [integer('1'), bulk('x')] }, false],
    ['set[:1, :2]', { type: 'set', items: [integer('2'), integer('1')] }, true],
    ['[:1, :2]', { type: 'array', items: [integer('2'), integer('1')] }, false],
    ['set[:1, :1]', { type: 'set', items: [integer('1'), integer('2')] }, false],
    [
      '{ :1 => :2, ... }',
      {
        type: 'map',
        entries: [
          [bulk('x'), bulk('y')],
          [integer('1'), integer('2')],
        ],
      },
      true,
    ],
  ] as [string, Reply, boolean][])('%s against %j: %s', (pattern, reply, expected) => {
    expect(matches(parsePatterns(pattern)[0] as never, reply, new Map())).toBe(expected);
  });

  it('catches names', () => {
    const captures = new Map<string, string>();
    expect(
      matches(
        parsePatterns('[<int as id>, <bulk as name>]')[0] as never,
        { type: 'array', items: [integer('7'), bulk('x')] },
        captures,
      ),
    ).toBe(true);
    expect([...captures]).toEqual([
      ['id', '7'],
      ['name', 'x'],
    ]);
  });

  it('refuses what it does not know', () => {
    for (const text of ['hello', '<foo>', '[:1', '(maybe)', '{ "a" :1 }', '"open'])
      expect(() => parsePatterns(text), text).toThrow();
  });
});

describe('quoting', () => {
  it('splits a line as redis-cli does', () => {
    expect(splitArgs(`a  "b c" 'd "e' "\\x41\\n\\"" '' x"y"`)).toEqual(['a', 'b c', 'd "e', 'A\n"', '', 'xy']);
  });

  it('is undone by splitting', () => {
    const text = Array.from({ length: 256 }, (_, i) => String.fromCharCode(i)).join('');
    expect(splitArgs(quote(text))).toEqual([text]);
  });

  it('knows escapes in raw lines', () => {
    expect(unescapeLine('a\\r\\n\\x00\\\\"')).toBe('a\r\n\x00\\"');
  });

  it('encodes a request in bytes, not characters', () => {
    expect(encodeRequest(['a\xff']).toString('latin1')).toBe('*1\r\n$2\r\na\xff\r\n');
  });
});

describe('spec files', () => {
  const text = [
    '# What this is about.',
    '@server cluster',
    '',
    '== a title',
    '@since 7.2',
    '> SET k v',
    '+OK',
    'b2 sorted> KEYS *',
    '[',
    '  "k"',
    ']',
    '2<',
    '(closed)',
    '# a remark',
    'state',
    '  db0 "k" string embstr "v" ttl 100s',
    '',
    '== another title',
    'raw> PING\\r\\n',
    '',
  ].join('\n');

  it('are written back as they were read', () => {
    expect(renderSpecFile(parseSpecFile(text, 'x.spec'))).toBe(text);
  });

  it('are read into steps', () => {
    const file = parseSpecFile(text, 'x.spec');
    expect(file.server).toBe('cluster');
    const steps = file.cases[0]?.lines.flatMap((line) => (line.kind === 'step' ? [line.step] : [])) ?? [];
    expect(steps.map(({ node, connection, action, request }) => [node, connection, action, request])).toEqual([
      ['a', 1, 'send', 'SET k v'],
      ['b', 2, 'send', 'KEYS *'],
      ['a', 2, 'await', ''],
    ]);
    expect(file.cases[0]?.since).toBe('7.2');
    expect(file.cases[0]?.state).toEqual(['db0 "k" string embstr "v" ttl 100s']);
  });

  it('refuse a line that is nothing', () => {
    expect(() => parseSpecFile('== title\nhello\n', 'x.spec')).toThrow(/what is this line/);
  });
});

describe('state lines', () => {
  it.each([
    ['db0 "k" string int "1"', 'db0 "k" string int "1"', true],
    ['db0 "k" string int "1"', 'db0 "k" string raw "1"', false],
    ['db0 "k" string int "1"', 'db1 "k" string int "1"', false],
    ['db0 "k" string int "1"', 'db0 "k" string int "2"', false],
    ['db0 "k" string int "1" ttl 100s', 'db0 "k" string int "1" ttl 97s', true],
    ['db0 "k" string int "1" ttl 100s', 'db0 "k" string int "1" ttl 90s', false],
    ['db0 "k" string int "1" ttl 100s', 'db0 "k" string int "1"', false],
    ['db0 "k" string int "1"', 'db0 "k" string int "1" ttl 100s', false],
    ['db0 "k" string int "1" at 9999999999999', 'db0 "k" string int "1" at 9999999999998', false],
    ['db0 "k" string embstr ~/a+/', 'db0 "k" string embstr "aaa"', true],
    ['db0 "k" string embstr ~/a+/', 'db0 "k" string embstr "abc"', false],
  ])('%s and %s: %s', (expected, actual, same) => {
    expect(sameStateLine(expected, actual)).toBe(same);
  });
});
