import { describe, expect, it } from 'vitest';
import { RdbTransfer } from '../../src/replication/core/rdbTransfer.js';

const MARK = 'e'.repeat(40);

function receive(line: string, pieces: readonly Buffer[]): { bytes: string; done: boolean; rest: number } {
  const transfer = RdbTransfer.from(line);
  if (transfer === undefined) throw new Error(`${line} is no beginning`);
  const got: Buffer[] = [];
  let rest = 0;
  for (const piece of pieces) {
    const end = transfer.push(piece, 0, piece.length, (bytes) => got.push(Buffer.from(bytes)));
    rest += piece.length - end;
  }
  return { bytes: Buffer.concat(got).toString('latin1'), done: transfer.done, rest };
}

describe('a snapshot from the master', () => {
  it('with a length ends there, and the stream follows', () => {
    const all = Buffer.from('REDIS0010...*1\r\n');
    for (let cut = 0; cut <= all.length; cut++) {
      const outcome = receive('$12', [all.subarray(0, cut), all.subarray(cut)]);
      expect(outcome).toEqual({ bytes: 'REDIS0010...', done: true, rest: 4 });
    }
  });

  it('with a mark ends at it, wherever the bytes are cut', () => {
    const all = Buffer.from(`REDIS0010${'e'.repeat(30)}x${MARK}`);
    for (let cut = 0; cut <= all.length; cut++) {
      const outcome = receive(`$EOF:${MARK}`, [all.subarray(0, cut), all.subarray(cut)]);
      expect(outcome).toEqual({ bytes: `REDIS0010${'e'.repeat(30)}x`, done: true, rest: 0 });
    }
    expect(receive(`$EOF:${MARK}`, [all.subarray(0, -1)]).done).toBe(false);
  });

  it.each(['$', '$-1', '$12x', '+OK', '$EOF:short', '$9999999999999999'])('does not begin with %s', (line) => {
    expect(RdbTransfer.from(line)).toBeUndefined();
  });
});
