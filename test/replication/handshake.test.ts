import { describe, expect, it } from 'vitest';
import { Handshake, type HandshakeSettings, type HandshakeStep } from '../../src/replication/core/handshake.js';
import { LineReader } from '../../src/replication/core/lineReader.js';

const ID = '0123456789'.repeat(4);
const PLAIN: HandshakeSettings = {
  user: undefined,
  password: '',
  port: 6380,
  announcedIp: '',
  known: undefined,
  failover: false,
};

/** What is done, without the log. */
function done(steps: readonly HandshakeStep[]): string[] {
  return steps
    .filter(({ kind }) => kind !== 'log')
    .map((step) => (step.kind === 'send' ? `> ${step.args.join(' ')}` : JSON.stringify(step)));
}

function talk(settings: Partial<HandshakeSettings>, lines: readonly string[]): string[] {
  const handshake = new Handshake({ ...PLAIN, ...settings });
  const all = done(handshake.connected());
  for (const line of lines) all.push(`< ${line}`, ...done(handshake.line(line)));
  return all;
}

describe('the handshake', () => {
  it('asks for everything when nothing is known', () => {
    expect(talk({}, ['+PONG', '+OK', '+OK', '', `+FULLRESYNC ${ID} 17`])).toEqual([
      '> PING',
      '< +PONG',
      '> REPLCONF listening-port 6380',
      '> REPLCONF capa eof capa psync2',
      '< +OK',
      '< +OK',
      '> PSYNC ? -1',
      '< ',
      `< +FULLRESYNC ${ID} 17`,
      `{"kind":"fullResync","id":"${ID}","offset":17}`,
    ]);
  });

  it('authenticates, tells its address, and goes on where it was', () => {
    const settings = { user: 'repl', password: 'secret', announcedIp: '10.0.0.1', known: { id: ID, offset: 99 } };
    expect(talk(settings, ['-NOAUTH Authentication required.', '+OK', '+OK', '+OK', '+OK', `+CONTINUE ${ID}`])).toEqual(
      [
        '> PING',
        '< -NOAUTH Authentication required.',
        '> AUTH repl secret',
        '> REPLCONF listening-port 6380',
        '> REPLCONF ip-address 10.0.0.1',
        '> REPLCONF capa eof capa psync2',
        '< +OK',
        '< +OK',
        '< +OK',
        '< +OK',
        `> PSYNC ${ID} 100`,
        `< +CONTINUE ${ID}`,
        `{"kind":"continue","id":"${ID}"}`,
      ],
    );
  });

  it('passes over REPLCONF options that the master does not know', () => {
    expect(talk({}, ['+PONG', '-ERR unknown option', '-ERR unknown option']).at(-1)).toBe('> PSYNC ? -1');
  });

  it('asks a replica to take the master over', () => {
    const lines = ['+PONG', '+OK', '+OK'];
    expect(talk({ known: { id: ID, offset: 5 }, failover: true }, lines).at(-1)).toBe(`> PSYNC ${ID} 6 FAILOVER`);
  });

  it.each([
    [{}, ['-MASTERDOWN no']],
    [{ password: 'wrong' }, ['+PONG', '-WRONGPASS no']],
  ])('fails before PSYNC', (settings, lines) => {
    expect(talk(settings, lines).at(-1)).toBe('{"kind":"fail","refusedPsync":false}');
  });

  it.each(['-NOMASTERLINK no', '-LOADING', '-ERR unknown command', '+FULLRESYNC short 1', `+CONTINUE ${ID}`])(
    'fails at the answer %s',
    (answer) => {
      expect(talk({}, ['+PONG', '+OK', '+OK', answer]).at(-1)).toBe('{"kind":"fail","refusedPsync":true}');
    },
  );
});

describe('lines of the master', () => {
  it('are the same however they are cut, and what follows the last is left', () => {
    const bytes = Buffer.from('+a\r\n\n$5\r\nrest\n');
    for (let cut = 0; cut <= bytes.length; cut++) {
      const reader = new LineReader();
      const lines: string[] = [];
      const take = (text: string): boolean => {
        lines.push(text);
        return text !== '$5';
      };
      let rest = reader.push(bytes, 0, cut, take);
      if (lines.at(-1) !== '$5') rest = reader.push(bytes, cut, bytes.length, take);
      expect(lines).toEqual(['+a', '', '$5']);
      expect(rest).toBe(9);
    }
  });
});
