/** Bytes that a client may send, and what they mean. Real servers are asked the same in realRedis.test.ts. */
import { bytes } from './intake.js';

export interface RequestCase {
  readonly name: string;
  readonly bytes: Buffer;
  readonly requests: readonly (readonly string[])[];
  /** Bytes of a request that is not whole. */
  readonly leftBytes?: number;
  /** Why a real server cannot be asked the same. */
  readonly oursOnly?: string;
}

export interface ErrorCase {
  readonly name: string;
  readonly bytes: Buffer;
  /** Behind `-ERR Protocol error: `. */
  readonly error: string;
  /** Requests in front of the broken one: they are answered. */
  readonly requests?: readonly (readonly string[])[];
  /** Sent by a client that has not authenticated. */
  readonly unauthenticated?: boolean;
  /** proto-max-bulk-len; the least that Redis accepts is a megabyte. */
  readonly maxBulkBytes?: number;
}

const ok = (name: string, text: string, requests: readonly (readonly string[])[], leftBytes = 0): RequestCase => ({
  name,
  bytes: bytes(text),
  requests,
  leftBytes,
});

const wrong = (name: string, text: string, error: string, more: Partial<ErrorCase> = {}): ErrorCase => ({
  name,
  bytes: bytes(text),
  error,
  ...more,
});

export const ARRAY_CASES: readonly RequestCase[] = [
  ok('nothing', '', []),
  ok('one word', '*1\r\n$4\r\nPING\r\n', [['PING']]),
  ok('several words', '*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n', [['SET', 'k', 'v']]),
  ok('an empty word', '*2\r\n$4\r\nECHO\r\n$0\r\n\r\n', [['ECHO', '']]),
  ok('only empty words', '*2\r\n$0\r\n\r\n$0\r\n\r\n', [['', '']]),
  ok('line ends inside a word', '*2\r\n$4\r\nECHO\r\n$6\r\n\r\n\n\r\r\n\r\n', [['ECHO', '\r\n\n\r\r\n']]),
  ok('a word that looks like a request', '*2\r\n$4\r\nECHO\r\n$10\r\n*1\r\n$1\r\nx\r\r\n', [
    ['ECHO', '*1\r\n$1\r\nx\r'],
  ]),
  ok('NUL and every high byte', '*2\r\n$4\r\nECHO\r\n$4\r\n\0\x80\xff\x01\r\n', [['ECHO', '\0\x80\xff\x01']]),
  ok('a word of nine bytes', '*1\r\n$9\r\n123456789\r\n', [['123456789']]),
  ok('a word of ten bytes', '*1\r\n$10\r\n1234567890\r\n', [['1234567890']]),
  ok('a word of 99 bytes', `*1\r\n$99\r\n${'x'.repeat(99)}\r\n`, [['x'.repeat(99)]]),
  ok('a word of 100 bytes', `*1\r\n$100\r\n${'x'.repeat(100)}\r\n`, [['x'.repeat(100)]]),
  ok('more words than the vector first has room for', `*40\r\n${'$1\r\na\r\n'.repeat(40)}`, [Array(40).fill('a')]),
  ok('an empty array', '*0\r\n', []),
  ok('a null array', '*-1\r\n', []),
  ok('very negative arrays', '*-2147483648\r\n*-999999999999999999\r\n', []),
  ok('empty arrays around a request', '*0\r\n*-1\r\n*1\r\n$4\r\nPING\r\n*0\r\n', [['PING']]),
  ok('a pipeline', '*1\r\n$1\r\na\r\n*2\r\n$1\r\nb\r\n$1\r\nc\r\n*1\r\n$1\r\nd\r\n', [['a'], ['b', 'c'], ['d']]),
  ok('any two bytes behind a word', '*2\r\n$1\r\nax\0$1\r\nb\n\n', [['a', 'b']]),
  ok('any byte behind the CR of a count', '*1\r!$1\r?a\r\n', [['a']]),
];

export const INCOMPLETE_CASES: readonly RequestCase[] = [
  ok('half of a count', '*12', [], 3),
  ok('a count without its LF', '*1\r', [], 3),
  ok('a count and no word', '*1\r\n', [], 4),
  ok('half of a length', '*1\r\n$1', [], 6),
  ok('a length without its LF', '*1\r\n$1\r', [], 7),
  ok('a length and no word', '*1\r\n$4\r\n', [], 8),
  ok('half of a word', '*1\r\n$4\r\nPI', [], 10),
  ok('a word without its line end', '*1\r\n$4\r\nPING', [], 12),
  ok('a word with half of its line end', '*1\r\n$4\r\nPING\r', [], 13),
  ok('the second word missing', '*2\r\n$4\r\nPING\r\n', [], 14),
  ok('a request in front of half of one', '*1\r\n$1\r\na\r\n*1\r\n$1\r\n', [['a']], 8),
  ok('an inline request without its line end', 'PING', [], 4),
  ok('an inline request with half of its line end', 'PING\r', [], 5),
  ok('quotes that are still open when the line has not ended', 'ECHO "a', [], 7),
];

export const INLINE_CASES: readonly RequestCase[] = [
  ok('one word', 'PING\r\n', [['PING']]),
  ok('a line end of LF alone', 'PING\n', [['PING']]),
  ok('blanks around and between words', '  SET \t k   v  \r\n', [['SET', 'k', 'v']]),
  ok('an empty line', '\r\n', []),
  ok('blank lines around a request', '\r\n\n   \r\nPING\r\n\r\n', [['PING']]),
  ok('a word in double quotes', 'ECHO "hello world"\r\n', [['ECHO', 'hello world']]),
  ok('a word in single quotes', "ECHO 'hello world'\r\n", [['ECHO', 'hello world']]),
  ok('empty quotes', 'ECHO "" \'\'\r\n', [['ECHO', '', '']]),
  ok('every escape of double quotes', 'ECHO "\\n\\r\\t\\b\\a\\\\\\"\\x41\\xff\\q"\r\n', [
    ['ECHO', '\n\r\t\b\x07\\"A\xffq'],
  ]),
  ok('a broken hex escape', 'ECHO "\\x4g\\xg4\\x"\r\n', [['ECHO', 'x4gxg4x']]),
  ok('the one escape of single quotes', "ECHO 'it\\'s \\n'\r\n", [['ECHO', "it's \\n"]]),
  ok('one kind of quotes inside the other', 'ECHO "it\'s" \'"x"\'\r\n', [['ECHO', "it's", '"x"']]),
  ok('quotes that open inside a word', 'ECHO a"b c"\r\n', [['ECHO', 'ab c']]),
  ok('high bytes', 'ECHO \xe2\x82\xac \xff\r\n', [['ECHO', '\xe2\x82\xac', '\xff']]),
  ok('a CR inside the line', 'ECHO a\rb\r\n', [['ECHO', 'a', 'b']]),
  {
    ...ok('nothing behind a NUL', 'ECHO a\0b c\r\n', [['ECHO', 'a']]),
    oursOnly: 'Redis does not see the end of a line behind a NUL and waits for ever',
  },
  ok('inline and array by turns', 'PING\r\n*1\r\n$1\r\na\r\nECHO x\r\n', [['PING'], ['a'], ['ECHO', 'x']]),
  ok('a line that begins with a dollar', '$3\r\n', [['$3']]),
  ok('a line that begins with a blank and a star', ' *1\r\n', [['*1']]),
];

const MEGABYTE = 1024 * 1024;

export const ERROR_CASES: readonly ErrorCase[] = [
  wrong('a count that is no number', '*x\r\n', 'invalid multibulk length'),
  wrong('no count at all', '*\r\n', 'invalid multibulk length'),
  wrong('a count with a plus', '*+1\r\n', 'invalid multibulk length'),
  wrong('a count with a leading zero', '*01\r\n', 'invalid multibulk length'),
  wrong('a count of minus zero', '*-0\r\n', 'invalid multibulk length'),
  wrong('a count with a blank', '* 1\r\n', 'invalid multibulk length'),
  wrong('a count with a fraction', '*1.0\r\n', 'invalid multibulk length'),
  wrong('a count beyond 32 bits', '*2147483648\r\n', 'invalid multibulk length'),
  wrong('a count beyond 64 bits', '*99999999999999999999\r\n', 'invalid multibulk length'),
  wrong('a number where a word should be', '*1\r\n:1\r\n', "expected '$', got ':'"),
  wrong('another array inside an array', '*1\r\n*1\r\n', "expected '$', got '*'"),
  wrong('text where a word should be', '*2\r\n$4\r\nECHO\r\nhello\r\n', "expected '$', got 'h'"),
  wrong('an empty line where a word should be', '*1\r\n\r\n', "expected '$', got '\r'"),
  wrong('a word longer than it said', '*2\r\n$1\r\nab\r\n$1\r\nb\r\n', "expected '$', got '\n'"),
  wrong('a length that is no number', '*1\r\n$x\r\n', 'invalid bulk length'),
  wrong('no length at all', '*1\r\n$\r\n', 'invalid bulk length'),
  wrong('a length with a leading zero', '*1\r\n$03\r\nabc\r\n', 'invalid bulk length'),
  wrong('a length of two zeros', '*1\r\n$00\r\n\r\n', 'invalid bulk length'),
  wrong('a null word', '*1\r\n$-1\r\n', 'invalid bulk length'),
  wrong('a length beyond the default proto-max-bulk-len', '*1\r\n$536870913\r\n', 'invalid bulk length'),
  wrong('a length beyond 64 bits', '*1\r\n$18446744073709551617\r\n', 'invalid bulk length'),
  wrong('a length beyond a smaller proto-max-bulk-len', `*1\r\n$${MEGABYTE + 1}\r\n`, 'invalid bulk length', {
    maxBulkBytes: MEGABYTE,
  }),
  wrong('double quotes that stay open', 'ECHO "abc\r\n', 'unbalanced quotes in request'),
  wrong('single quotes that stay open', "ECHO 'abc\r\n", 'unbalanced quotes in request'),
  wrong('text behind closing quotes', 'ECHO "abc"d\r\n', 'unbalanced quotes in request'),
  wrong('text behind closing single quotes', "ECHO 'abc'd\r\n", 'unbalanced quotes in request'),
  wrong('an escape in front of the line end', 'ECHO "abc\\\r\n', 'unbalanced quotes in request'),
  wrong(
    'requests in front of the error',
    '*1\r\n$4\r\nPING\r\nPING\r\n*x\r\n*1\r\n$4\r\nPING\r\n',
    'invalid multibulk length',
    {
      requests: [['PING'], ['PING']],
    },
  ),
  wrong('eleven words before AUTH', '*11\r\n', 'unauthenticated multibulk length', { unauthenticated: true }),
  wrong('a long word before AUTH', '*2\r\n$4\r\nAUTH\r\n$16385\r\n', 'unauthenticated bulk length', {
    unauthenticated: true,
  }),
  wrong('an invalid count before AUTH', '*x\r\n', 'invalid multibulk length', { unauthenticated: true }),
  wrong('an invalid length before AUTH', '*1\r\n$536870913\r\n', 'invalid bulk length', { unauthenticated: true }),
];

const LINE_LIMIT = 64 * 1024;

/** Too long to be tried at every split. */
export const LONG_LINE_CASES: readonly ErrorCase[] = [
  wrong('an inline request of over 64 KB', 'x'.repeat(LINE_LIMIT + 1), 'too big inline request'),
  wrong('a count of over 64 KB', `*${'1'.repeat(LINE_LIMIT)}`, 'too big mbulk count string'),
  wrong('a length of over 64 KB', `*1\r\n$${'1'.repeat(LINE_LIMIT)}`, 'too big bulk count string'),
];
