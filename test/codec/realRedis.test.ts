/** The request tables, sent to a real redis-server: what the parser makes of the bytes is what Redis makes of them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { splitArgs } from '../../src/base/splitArgs.js';
import type { RunningServer } from '../support/process.js';
import { type Outcome, RawClient } from '../support/rawclient.js';
import { redisServerOnPath, skipLoudly, startRedis } from '../support/redis.js';
import { bytes, take } from './intake.js';
import { ARRAY_CASES, ERROR_CASES, type ErrorCase, INLINE_CASES, LONG_LINE_CASES } from './requestCases.js';

const hasRedis = redisServerOnPath() !== undefined;
if (!hasRedis) skipLoudly('the request tables against Redis');

describe.skipIf(!hasRedis)('what redis-server answers to the same bytes', () => {
  let open: RunningServer;
  let locked: RunningServer;
  let small: RunningServer;

  beforeAll(async () => {
    [open, locked, small] = await Promise.all([
      startRedis(),
      startRedis(['--requirepass', 'secret']),
      startRedis(['--proto-max-bulk-len', '1mb']),
    ]);
  });

  afterAll(() => Promise.all([open?.stop(), locked?.stop(), small?.stop()]));

  function serverFor({ unauthenticated, maxBulkBytes }: ErrorCase): RunningServer {
    if (unauthenticated) return locked;
    return maxBulkBytes === undefined ? open : small;
  }

  it.each([...ERROR_CASES, ...LONG_LINE_CASES])('$name: the same error, and it hangs up', async (wrong) => {
    const client = await RawClient.connect(serverFor(wrong).port);
    client.write(wrong.bytes);
    for (const _ of wrong.requests ?? []) expect(await client.read()).toEqual({ type: 'simple', text: 'PONG' });
    const text = `ERR Protocol error: ${wrong.error.replace(/[\r\n]/g, ' ')}`;
    expect(await client.read()).toEqual({ type: 'error', text });
    expect(await client.read()).toEqual({ type: 'closed' });
  });

  const askable = [...ARRAY_CASES, ...INLINE_CASES].filter((each) => each.oursOnly === undefined);
  it.each(askable)('$name: as many requests, with the same beginnings', async (good) => {
    const client = await RawClient.connect(open.port);
    client.write(good.bytes);
    client.send('ECHO', 'the end');
    const outcomes: Outcome[] = [];
    for (;;) {
      const outcome = await client.read();
      if (outcome.type === 'closed' || outcome.type === 'timeout') throw new Error(`no reply: ${outcome.type}`);
      if (outcome.type === 'bulk' && outcome.text === 'the end') break;
      outcomes.push(outcome);
    }
    client.close();
    expect(outcomes).toEqual(good.requests.map(expectedReply));
  });

  it('every short line of quotes, escapes and blanks becomes the same words', async () => {
    const client = await RawClient.connect(open.port);
    for (const line of lines()) {
      client.write(bytes(`${line}\r\n`));
      expect({ line, reply: await client.read() }).toEqual({ line, reply: expectedReply(splitArgs(line) ?? []) });
    }
    client.close();
  });

  it('every line whose quotes do not balance is refused', async () => {
    for (const line of [
      '"',
      "'",
      'a"',
      '"a',
      '"a"b',
      "'a'b",
      '"\\"',
      "'\\'",
      '"a\\',
      '"\\x4',
      '" \'',
      '\' "',
      'a "b',
    ]) {
      expect({ line, error: take([bytes(`${line}\r\n`)]).error }).toEqual({
        line,
        error: 'unbalanced quotes in request',
      });
      const client = await RawClient.connect(open.port);
      client.write(bytes(`${line}\r\n`));
      expect({ line, reply: await client.read() }).toEqual({
        line,
        reply: { type: 'error', text: 'ERR Protocol error: unbalanced quotes in request' },
      });
      client.close();
    }
  });
});

/** All short texts over an alphabet of what matters to quoting, as far as their quotes balance. */
function* lines(): Generator<string> {
  const alphabet = ['a', ' ', '"', "'", '\\', 'x41', '\t', '\v'];
  let texts = [''];
  for (let length = 0; length < 4; length++) {
    texts = texts.flatMap((text) => alphabet.map((c) => text + c));
    for (const text of texts) if (splitArgs(`q${text}`) !== undefined) yield `q${text}`;
  }
}

/** How redis-server answers a request of the tables; unknown commands give their words back. */
function expectedReply(words: readonly string[]): Outcome {
  const [name, ...rest] = words;
  if (name === 'PING') return { type: 'simple', text: 'PONG' };
  if (name === 'ECHO' && rest.length === 1) return { type: 'bulk', text: rest[0] };
  if (name === 'ECHO') return { type: 'error', text: "ERR wrong number of arguments for 'echo' command" };
  if (name === 'SET') return { type: 'simple', text: 'OK' };
  let quoted = '';
  for (const word of rest) if (quoted.length < 128) quoted += `'${cut(word, 128 - quoted.length)}' `;
  const text = `ERR unknown command '${cut(name, 128)}', with args beginning with: ${quoted}`;
  return { type: 'error', text: text.replace(/[\r\n]/g, ' ') };
}

/** C's `%.*s`: at most so many bytes, none behind a NUL. */
function cut(text: string, length: number): string {
  const nul = text.indexOf('\0');
  return text.slice(0, nul < 0 ? length : Math.min(nul, length));
}
