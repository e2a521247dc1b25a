import { describe, expect, it } from 'vitest';
import { KeyPeek, PEEK_REQUESTS } from '../../src/resp/keyPeek.js';

function look(text: string, pos = 0, end = text.length): { keys: string[]; next: number } {
  const peek = new KeyPeek();
  const buf = Buffer.from(text, 'latin1');
  const next = peek.look(buf, pos, end);
  const keys: string[] = [];
  for (let i = 0; i < peek.count; i++) keys.push(text.slice(peek.start[i], peek.end[i]));
  return { keys, next };
}

function request(...words: string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
}

describe('a look ahead in a pipeline', () => {
  it('finds the first argument of each request', () => {
    const text = request('GET', 'a') + request('SET', 'key two', 'v\r\n*1') + request('MSET', 'x', '1', 'y', '2');
    expect(look(text)).toEqual({ keys: ['a', 'key two', 'x'], next: text.length });
  });

  it('passes over requests without arguments', () => {
    const text = request('PING') + request('GET', 'k');
    expect(look(text)).toEqual({ keys: ['k'], next: text.length });
  });

  it(`ends after ${PEEK_REQUESTS} requests`, () => {
    const one = request('GET', 'k');
    const { keys, next } = look(one.repeat(40));
    expect(keys.length).toBe(PEEK_REQUESTS);
    expect(next).toBe(one.length * PEEK_REQUESTS);
  });

  it('ends before a request that is cut anywhere', () => {
    const first = request('GET', 'a');
    const text = first + request('SET', 'k', 'value');
    for (let end = first.length; end < text.length; end++) {
      expect(look(text, 0, end)).toEqual({ keys: ['a'], next: first.length });
    }
  });

  it.each([
    'PING\r\n',
    '*x\r\n',
    '*-1\r\n',
    '*0\r\n',
    '*1\r\n+PING\r\n',
    '*2\r\n$3\r\nGET\r\n$-1\r\n',
    '*2\r\n$3\r\nGET\r\n$99999999999\r\nk\r\n',
    '*2\n$3\nGET\n$1\nk\n',
  ])('ends before what it does not understand: %j', (odd) => {
    const first = request('GET', 'a');
    expect(look(first + odd + first)).toEqual({ keys: ['a'], next: first.length });
  });

  it('tells when all keys are one, and what stands behind them', () => {
    const peek = new KeyPeek();
    const text = request('SADD', 'set', 'one') + request('SCARD', 'set') + request('HSET', 'set', 'two', 'x');
    peek.look(Buffer.from(text), 0, text.length);
    expect(peek.oneKey).toBe(true);
    const behind = [0, 1, 2].map((i) => text.slice(peek.nextStart[i], peek.nextEnd[i]));
    const last = [0, 1, 2].map((i) => text.slice(peek.lastStart[i], peek.lastEnd[i]));
    expect(behind).toEqual(['one', '', 'two']);
    expect(last).toEqual(['one', '', 'x']);
    const other = text + request('SADD', 'sex', 'one');
    peek.look(Buffer.from(other), 0, other.length);
    expect(peek.oneKey).toBe(false);
  });
});
