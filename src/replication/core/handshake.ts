/**
 * The words between a replica and its master, from the replica's side, up to the master's answer to PSYNC:
 *
 *   connected ─> PING ─> [AUTH] REPLCONF listening-port, [ip-address], capa ─> PSYNC ─> continue | full resync | later
 *
 * Lines and the connection's beginning go in, steps come out in the order in which they are to be done. No socket, no clock.
 */
import { ID_LENGTH } from './history.js';

export interface HandshakeSettings {
  /** `masteruser` and `masterauth`; without a password nobody authenticates. */
  readonly user: string | undefined;
  readonly password: string;
  /** Where this replica listens, as its master shall tell others. */
  readonly port: number;
  readonly announcedIp: string;
  /** What the data is a part of; undefined asks for everything. */
  readonly known: { readonly id: string; readonly offset: number } | undefined;
  /** FAILOVER: the replica at the other end is to become the master. */
  readonly failover: boolean;
}

export type HandshakeStep =
  /** One character a byte. */
  | { readonly kind: 'send'; readonly args: readonly string[] }
  | { readonly kind: 'log'; readonly level: 'notice' | 'warning'; readonly text: string }
  /** The stream goes on; with another id, if the master tells one. */
  | { readonly kind: 'continue'; readonly id: string | undefined }
  | { readonly kind: 'fullResync'; readonly id: string; readonly offset: number }
  /** The link is of no use now. */
  | { readonly kind: 'fail'; readonly refusedPsync: boolean };

type Expected = 'connection' | 'ping' | 'auth' | 'port' | 'ip' | 'capa' | 'psync' | 'nothing';

/** Errors of PING that only say that one has to authenticate first. */
const AUTH_NEEDED = /^-(NOAUTH|NOPERM|ERR operation not permitted)/;
/** What a master answers that will be able to serve us later. */
const NOT_NOW = /^-(NOMASTERLINK|LOADING)/;

const FULL_RESYNC = new RegExp(`^\\+FULLRESYNC ([^ ]{${ID_LENGTH}}) (-?[0-9]+)`);
const CONTINUE = new RegExp(`^\\+CONTINUE(?: ([^ ]{${ID_LENGTH}}))?`);

export class Handshake {
  readonly #settings: HandshakeSettings;
  /** The replies to come, in order. */
  #expected: Expected[] = ['connection'];

  constructor(settings: HandshakeSettings) {
    this.#settings = settings;
  }

  connected(): readonly HandshakeStep[] {
    this.#expected = ['ping'];
    return [notice('Non blocking connect for SYNC fired the event.'), send('PING')];
  }

  /** A line came, without its end. */
  line(text: string): readonly HandshakeStep[] {
    const expected = this.#expected[0] ?? 'nothing';
    // Empty lines only say that the master is alive.
    if (text === '' || expected === 'connection' || expected === 'nothing') return [];
    if (expected === 'psync') return this.#answered(text);
    this.#expected.shift();
    const refused = text.startsWith('-');
    if (expected === 'ping') return this.#pinged(text);
    if (expected === 'auth' && refused) return fail(`Unable to AUTH to MASTER: ${text}`);
    const notes = refused
      ? [notice(`(Non critical) Master does not understand REPLCONF ${OPTION[expected]}: ${text}`)]
      : [];
    return this.#expected.length > 0 ? notes : [...notes, ...this.#ask()];
  }

  #pinged(text: string): readonly HandshakeStep[] {
    if (!text.startsWith('+') && !AUTH_NEEDED.test(text)) return fail(`Error reply to PING from master: '${text}'`);
    const { user, password, port, announcedIp } = this.#settings;
    const steps = [notice('Master replied to PING, replication can continue...')];
    const request = (expected: Expected, ...args: string[]): void => {
      this.#expected.push(expected);
      steps.push(send(...args));
    };
    if (password !== '') request('auth', 'AUTH', ...(user === undefined ? [] : [user]), password);
    request('port', 'REPLCONF', 'listening-port', String(port));
    if (announcedIp !== '') request('ip', 'REPLCONF', 'ip-address', announcedIp);
    request('capa', 'REPLCONF', 'capa', 'eof', 'capa', 'psync2');
    return steps;
  }

  #ask(): readonly HandshakeStep[] {
    const { known, failover } = this.#settings;
    this.#expected = ['psync'];
    const wanted = known === undefined ? ['?', '-1'] : [known.id, String(known.offset + 1)];
    const text =
      known === undefined
        ? 'Partial resynchronization not possible (no cached master)'
        : `Trying a partial resynchronization (request ${wanted.join(':')}).`;
    return [notice(text), send('PSYNC', ...wanted, ...(failover ? ['FAILOVER'] : []))];
  }

  #answered(text: string): readonly HandshakeStep[] {
    this.#expected = [];
    const full = FULL_RESYNC.exec(text);
    if (full !== null) {
      const [, id = '', offset] = full;
      return [notice(`Full resync from master: ${id}:${offset}`), { kind: 'fullResync', id, offset: Number(offset) }];
    }
    const goesOn = CONTINUE.exec(text);
    if (goesOn !== null && this.#settings.known !== undefined) {
      return [notice('Successful partial resynchronization with master.'), { kind: 'continue', id: goesOn[1] }];
    }
    const reason = NOT_NOW.test(text)
      ? `Master is currently unable to PSYNC but should be in the future: ${text}`
      : `Unexpected reply to PSYNC from master: ${text}`;
    return [
      { kind: 'log', level: 'warning', text: reason },
      { kind: 'fail', refusedPsync: true },
    ];
  }
}

const OPTION: Readonly<Partial<Record<Expected, string>>> = {
  port: 'listening-port',
  ip: 'ip-address',
  capa: 'capa',
};

function send(...args: string[]): HandshakeStep {
  return { kind: 'send', args };
}

function notice(text: string): HandshakeStep {
  return { kind: 'log', level: 'notice', text };
}

function fail(text: string): readonly HandshakeStep[] {
  return [
    { kind: 'log', level: 'warning', text },
    { kind: 'fail', refusedPsync: false },
  ];
}
