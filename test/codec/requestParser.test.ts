import { describe, expect, it } from 'vitest';
import { ArgVector } from '../../src/resp/argVector.js';
import { INCOMPLETE, RequestParser } from '../../src/resp/requestParser.js';
import { bytes, DEFAULT_MAX_BULK_BYTES, deliveries, Intake, type IntakeOptions, take } from './intake.js';
import {
  ARRAY_CASES,
  ERROR_CASES,
  type ErrorCase,
  INCOMPLETE_CASES,
  INLINE_CASES,
  LONG_LINE_CASES,
  type RequestCase,
} from './requestCases.js';

function expectAtEverySplit({ bytes: whole, requests, leftBytes = 0 }: RequestCase): void {
  for (const [how, pieces] of deliveries(whole)) {
    expect({ how, ...take(pieces) }).toEqual({ how, requests, error: undefined, leftBytes });
  }
}

function optionsOf({ unauthenticated, maxBulkBytes }: ErrorCase): IntakeOptions {
  return { authenticated: unauthenticated !== true, maxBulkBytes: maxBulkBytes ?? DEFAULT_MAX_BULK_BYTES };
}

describe('requests as arrays of bulk strings, whole, byte by byte and at every split', () => {
  it.each(ARRAY_CASES)('$name', expectAtEverySplit);
});

describe('inline requests, whole, byte by byte and at every split', () => {
  it.each(INLINE_CASES)('$name', expectAtEverySplit);
});

describe('requests that are not whole stay where they are, at every split', () => {
  it.each(INCOMPLETE_CASES)('$name', expectAtEverySplit);
});

describe('protocol errors, whole, byte by byte and at every split', () => {
  it.each(ERROR_CASES)('$name', (wrong) => {
    for (const [how, pieces] of deliveries(wrong.bytes)) {
      const { requests, error } = take(pieces, optionsOf(wrong));
      expect({ how, requests, error }).toEqual({ how, requests: wrong.requests ?? [], error: wrong.error });
    }
  });
});

describe('lines without an end', () => {
  it.each(LONG_LINE_CASES)('$name', ({ bytes: whole, error }) => {
    expect(take([whole]).error).toBe(error);
    expect(take([whole.subarray(0, 40_000), whole.subarray(40_000)]).error).toBe(error);
  });

  it.each(LONG_LINE_CASES)('$name is only too long with its last byte', ({ bytes: whole, error }) => {
    const intake = new Intake();
    intake.push(whole.subarray(0, whole.length - 1));
    expect(intake.taken.error).toBeUndefined();
    intake.push(whole.subarray(whole.length - 1));
    expect(intake.taken.error).toBe(error);
  });

  it('an inline request of 64 KB, line end and all, is a request', () => {
    const value = 'v'.repeat(64 * 1024 - 'ECHO \r\n'.length);
    expect(take([bytes(`ECHO ${value}\r\n`)]).requests).toEqual([['ECHO', value]]);
  });
});

describe('limits', () => {
  it('ten words and a word of 16 KB are let through before AUTH', () => {
    const word = 'w'.repeat(16 * 1024);
    const request = `*10\r\n${'$1\r\na\r\n'.repeat(9)}$${word.length}\r\n${word}\r\n`;
    expect(take([bytes(request)], { authenticated: false })).toEqual({
      requests: [[...Array(9).fill('a'), word]],
      error: undefined,
      leftBytes: 0,
    });
  });

  it('AUTH in the middle of a pipeline lifts them for the request behind it', () => {
    const parser = new RequestParser();
    parser.authenticated = false;
    const args = new ArgVector();
    const pipeline = bytes(`*1\r\n$1\r\na\r\n*11\r\n${'$1\r\nb\r\n'.repeat(11)}`);
    parser.parse(pipeline, pipeline.length, args, DEFAULT_MAX_BULK_BYTES);
    parser.authenticated = true;
    parser.parse(pipeline, pipeline.length, args, DEFAULT_MAX_BULK_BYTES);
    expect(args.argc).toBe(11);
  });

  it('a word of exactly proto-max-bulk-len is let through', () => {
    const word = 'w'.repeat(1000);
    const request = bytes(`*1\r\n$1000\r\n${word}\r\n`);
    expect(take([request], { maxBulkBytes: 1000 }).requests).toEqual([[word]]);
    expect(take([request], { maxBulkBytes: 999 }).error).toBe('invalid bulk length');
  });

  it('the largest count is let through and waits for its words', () => {
    expect(take([bytes('*2147483647\r\n')])).toEqual({ requests: [], error: undefined, leftBytes: 13 });
  });
});

describe('how many bytes are needed', () => {
  function needAfter(text: string): { need: number; pos: number } {
    const parser = new RequestParser();
    const whole = bytes(text);
    expect(parser.parse(whole, whole.length, new ArgVector(), DEFAULT_MAX_BULK_BYTES)).toBe(INCOMPLETE);
    return { need: parser.needBytes, pos: parser.pos };
  }

  it('is the whole word once its length is known', () => {
    expect(needAfter('*1\r\n$100000\r\nabc')).toEqual({ need: 100_002, pos: 13 });
  });

  it('is one more byte where nobody can tell', () => {
    expect(needAfter('*1\r\n').need).toBe(1);
    expect(needAfter('*1\r\n$12').need).toBe(1);
    expect(needAfter('PING').need).toBe(1);
  });

  it('keeps a large word in small pieces from being looked at again and again', () => {
    const intake = new Intake({ onRequest: () => undefined });
    intake.push(bytes('*2\r\n$3\r\nSET\r\n$1000000\r\n'));
    const before = intake.parses;
    for (let i = 0; i < 1000; i++) intake.push(Buffer.alloc(1000, 'x'));
    expect(intake.parses).toBe(before);
    intake.push(bytes('\r\n'));
    expect(intake.taken.leftBytes).toBe(0);
  });
});

describe('the arguments', () => {
  it('of an array are ranges of the buffer itself', () => {
    const buf = bytes('*2\r\n$1\r\na\r\n$2\r\nbc\r\n');
    const args = new ArgVector();
    new RequestParser().parse(buf, buf.length, args, DEFAULT_MAX_BULK_BYTES);
    expect(args.buf).toBe(buf);
    expect([args.start[1], args.end[1]]).toEqual([15, 17]);
  });

  it('end where the given end is, whatever lies behind it in the buffer', () => {
    const whole = bytes('*1\r\n$4\r\nPING\r\n');
    const parser = new RequestParser();
    const args = new ArgVector();
    for (let end = 0; end < whole.length; end++) {
      expect(parser.parse(whole, end, args, DEFAULT_MAX_BULK_BYTES)).toBe(INCOMPLETE);
      expect(parser.pos).toBeLessThanOrEqual(end);
    }
    parser.parse(whole, whole.length, args, DEFAULT_MAX_BULK_BYTES);
    expect(args.text(0)).toBe('PING');
  });

  it('of a view into a larger memory are found too', () => {
    const memory = bytes('junkECHO "a b"\r\n*1\r\n$1\r\nz\r\njunk');
    const view = new Uint8Array(memory.buffer, memory.byteOffset + 4, memory.length - 8);
    expect(take([view]).requests).toEqual([['ECHO', 'a b'], ['z']]);
    const parser = new RequestParser();
    const args = new ArgVector();
    parser.parse(view, view.length, args, DEFAULT_MAX_BULK_BYTES);
    expect([args.text(0), args.text(1)]).toEqual(['ECHO', 'a b']);
  });
});
