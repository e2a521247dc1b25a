import { describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/prng.js';
import type { ArgVector } from '../../src/resp/argVector.js';
import { bytes, Intake, take } from './intake.js';

/** Another seed: SHOAL_SEED=123. */
const SEED = Number(process.env.SHOAL_SEED ?? 20_240_607);

function randomBytes(random: Prng, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => random.below(256)));
}

/** Lengths around the borders of headers and of the parser's short cuts. */
function randomLength(random: Prng): number {
  switch (random.below(5)) {
    case 0:
      return random.below(3);
    case 1:
      return 8 + random.below(4);
    case 2:
      return 98 + random.below(4);
    case 3:
      return random.below(40);
    default:
      return random.below(2000);
  }
}

function randomRequest(random: Prng): string[] {
  const argc = random.below(10) === 0 ? 30 + random.below(10) : 1 + random.below(5);
  return Array.from({ length: argc }, () => randomBytes(random, randomLength(random)).toString('latin1'));
}

function asArray(words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
}

/** The request as somebody may type it: quoted one way or the other, blanks between. */
function asInline(words: readonly string[], random: Prng): string {
  const quoted = words.map((word) => {
    let text = '';
    for (const c of word) {
      const code = c.charCodeAt(0);
      const plain = code > 0x20 && code < 0x7f && c !== '"' && c !== '\\' && random.below(4) > 0;
      text += plain ? c : `\\x${code.toString(16).padStart(2, '0')}`;
    }
    return `"${text}"`;
  });
  return `${quoted.join(' '.repeat(1 + random.below(3)))}${random.below(2) === 0 ? '\r\n' : '\n'}`;
}

/** Cuts into pieces of random lengths, short ones more often. */
function* pieces(whole: Buffer, random: Prng): Generator<Buffer> {
  for (let at = 0; at < whole.length; ) {
    const length = 1 + random.below(random.below(3) === 0 ? 3 : 700);
    yield whole.subarray(at, at + length);
    at += length;
  }
}

describe(`seeded round trips (seed ${SEED})`, () => {
  it.each(Array.from({ length: 20 }, (_, i) => SEED + i))('seed %i', (seed) => {
    const random = new Prng(seed);
    const requests = Array.from({ length: 100 }, () => randomRequest(random));
    const text = requests.map((words) => {
      const noise = random.below(10) === 0 ? ['*0\r\n', '\r\n', '*-1\r\n'][random.below(3)] : '';
      return noise + (random.below(4) === 0 ? asInline(words.slice(0, 5), random) : asArray(words));
    });
    const expected = requests.map((words, i) => (/^(\*-?\d+\r\n|\r\n)?"/.test(text[i]) ? words.slice(0, 5) : words));
    expect(take(pieces(bytes(text.join('')), random))).toEqual({ requests: expected, error: undefined, leftBytes: 0 });
  });
});

describe('bytes that nobody meant', () => {
  it('never throw, never hang and never give a request beyond what was sent', () => {
    for (let i = 0; i < 3000; i++) {
      const random = new Prng(SEED + i);
      const whole = randomBytes(random, random.below(300));
      // Half of them look like requests for a while.
      if (random.below(2) === 0) whole.write(`*${random.below(4)}\r\n$${random.below(30)}\r\n`, 'latin1');
      let argBytes = 0;
      const check = (args: ArgVector): void => {
        expect(args.argc).toBeGreaterThan(0);
        for (let a = 0; a < args.argc; a++) argBytes += args.view(a).length;
      };
      const intake = new Intake({ onRequest: check });
      for (const piece of pieces(whole, random)) intake.push(piece);
      expect(argBytes).toBeLessThanOrEqual(whole.length);
    }
  });

  it('mean the same whole and in pieces', () => {
    for (let i = 0; i < 2000; i++) {
      const random = new Prng(SEED - i);
      const whole = mutated(random);
      const { requests, error } = take([whole]);
      const inPieces = take(pieces(whole, random));
      expect({ seed: SEED - i, requests: inPieces.requests, error: inPieces.error }).toEqual({
        seed: SEED - i,
        requests,
        error,
      });
    }
  });
});

/** A pipeline in which a few bytes were overwritten, left out or doubled. */
function mutated(random: Prng): Buffer {
  const text = Array.from({ length: 3 }, () => asArray(randomRequest(random).slice(0, 3))).join('');
  const list = [...bytes(text)];
  for (let i = 0; i < 1 + random.below(3); i++) {
    const at = random.below(list.length);
    const what = random.below(3);
    if (what === 0) list[at] = '*$-0123456789\r\n"x'.charCodeAt(random.below(18));
    else if (what === 1) list.splice(at, 1);
    else list.splice(at, 0, list[at]);
  }
  return Buffer.from(list);
}

describe('a request of a million words', () => {
  const WORDS = 1_000_000;
  const whole = bytes(`*${WORDS}\r\n${'$5\r\nabcde\r\n'.repeat(WORDS)}`);

  it.each([whole.length, 64 * 1024, 1000])('arrives in pieces of %i bytes, each byte looked at once', (pieceBytes) => {
    let words = 0;
    const intake = new Intake({
      onRequest: (args) => {
        words = args.argc;
        expect(args.text(0)).toBe('abcde');
        expect(args.text(WORDS - 1)).toBe('abcde');
      },
    });
    for (let at = 0; at < whole.length; at += pieceBytes) intake.push(whole.subarray(at, at + pieceBytes));
    expect(words).toBe(WORDS);
    expect(intake.taken.leftBytes).toBe(0);
    // One call for each piece at most, and one to find that nothing is left.
    expect(intake.parses).toBeLessThanOrEqual(Math.ceil(whole.length / pieceBytes) + 1);
  });
});
