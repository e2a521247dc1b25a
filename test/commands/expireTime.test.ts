import { describe, expect, it } from 'vitest';
import { INT64_MAX } from '../../src/base/bytes.js';
import { type FakeStream, Harness } from '../net/harness.js';
import { textOf } from '../support/notation.js';

/** A server whose clock stands still, so that the borders of what is counted from now are known to the millisecond. */
function standingStill(): { nowMs: bigint; answers: (line: string, ...more: string[]) => string } {
  const harness = new Harness();
  const stream: FakeStream = harness.connect();
  return {
    nowMs: BigInt(harness.clock.nowMs()),
    answers: (line, ...more) => textOf(harness.call(stream, ...line.split(' '), ...more)),
  };
}

/** What DUMP replies for `hello`. */
const HELLO = '\x00\x05hello\n\x00cr\xdfve4 \n';

const RELATIVE_MS = ['PEXPIRE k TIME', 'SET k v PX TIME', 'PSETEX k TIME v', 'GETEX k PX TIME'];
const RELATIVE_SECONDS = ['EXPIRE k TIME', 'SET k v EX TIME', 'SETEX k TIME v', 'GETEX k EX TIME'];

describe('the last expire time that 64 bits hold', () => {
  for (const request of RELATIVE_MS) {
    it(`${request}: counted from now, to the millisecond`, () => {
      const { nowMs, answers } = standingStill();
      answers('SET k v');
      const last = INT64_MAX - nowMs;
      expect(answers(request.replace('TIME', String(last + 1n)))).toContain('ERR invalid expire time in');
      expect(answers('PTTL k')).toBe('-1');
      expect(answers(request.replace('TIME', String(last)))).not.toContain('ERR');
      expect(answers('PTTL k')).toBe(String(last));
      expect(answers('PEXPIRETIME k')).toBe(String(INT64_MAX));
      expect(answers(request.replace('TIME', String(last - 1n)))).not.toContain('ERR');
      expect(answers('PTTL k')).toBe(String(last - 1n));
      expect(answers('PEXPIRETIME k')).toBe(String(INT64_MAX - 1n));
    });
  }

  for (const request of RELATIVE_SECONDS) {
    it(`${request}: counted from now, to the second`, () => {
      const { nowMs, answers } = standingStill();
      answers('SET k v');
      const last = (INT64_MAX - nowMs) / 1000n;
      expect(answers(request.replace('TIME', String(last + 1n)))).toContain('ERR invalid expire time in');
      expect(answers('TTL k')).toBe('-1');
      expect(answers(request.replace('TIME', String(last)))).not.toContain('ERR');
      expect(answers('TTL k')).toBe(String(last));
      expect(answers('PEXPIRETIME k')).toBe(String(last * 1000n + nowMs));
    });
  }

  it('RESTORE: beyond it is in the past', () => {
    const { nowMs, answers } = standingStill();
    const restore = (ttl: bigint): string => answers('RESTORE k', String(ttl), HELLO, 'REPLACE');
    for (const atMs of [INT64_MAX, INT64_MAX - 1n]) {
      expect(restore(atMs - nowMs)).toBe('OK');
      expect(answers('PEXPIRETIME k')).toBe(String(atMs));
    }
    expect(restore(INT64_MAX - nowMs + 1n)).toBe('OK');
    expect(answers('PEXPIRETIME k')).toBe('-2');
  });
});
