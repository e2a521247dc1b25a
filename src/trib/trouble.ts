/** Why a node cannot be talked to, and what its operator can do about it. */
import { createConnection } from 'node:net';
import { networkInterfaces } from 'node:os';
import { type Address, formatAddress, isLoopback } from './address.js';

export type TroubleKind =
  | 'refused'
  | 'no route'
  | 'timeout'
  | 'unknown host'
  | 'password needed'
  | 'wrong password'
  | 'protected mode'
  | 'loading'
  | 'not redis'
  | 'other';

export interface Trouble {
  readonly named: Address;
  /** Undefined when the host name could not be resolved. */
  readonly ip: string | undefined;
  readonly kind: TroubleKind;
  /** The error's own words. */
  readonly detail: string;
}

const PROBE_TIMEOUT_MS = 500;

/** What a failed connection means. */
export function troubleOf(named: Address, ip: string, error: Error): Trouble {
  const { message } = error;
  return { named, ip, kind: kindOf((error as NodeJS.ErrnoException).code, message), detail: message };
}

function kindOf(code: string | undefined, message: string): TroubleKind {
  if (code === 'ECONNREFUSED') return 'refused';
  if (code === 'EHOSTUNREACH' || code === 'ENETUNREACH') return 'no route';
  if (code === 'ETIMEDOUT' || message.startsWith('timed out')) return 'timeout';
  if (/\bNOAUTH\b/.test(message)) return 'password needed';
  if (/\bWRONGPASS\b|invalid password|AUTH failed/.test(message)) return 'wrong password';
  if (/\bDENIED\b/.test(message)) return 'protected mode';
  if (/\bLOADING\b/.test(message)) return 'loading';
  if (/^Protocol error|^unexpected answer/.test(message)) return 'not redis';
  return 'other';
}

/** The transcript's lines for a node that cannot be talked to: what, why, and what mends it. */
export async function explainTrouble(trouble: Trouble): Promise<string[]> {
  const advice = await adviceFor(trouble);
  return [`[ERR] Sorry, can't connect to node ${troubleName(trouble)}`, ...advice.map((line) => `      ${line}`)];
}

/** `ip:port`, and the name in front where the operator gave one. */
function troubleName({ named, ip }: Trouble): string {
  const given = formatAddress(named.host, named.port);
  return ip === undefined || ip === named.host ? given : `${formatAddress(ip, named.port)} (${given})`;
}

async function adviceFor(trouble: Trouble): Promise<string[]> {
  const { named, ip, kind, detail } = trouble;
  const port = named.port;
  switch (kind) {
    case 'refused':
      return refusedAdvice(ip ?? named.host, port);
    case 'no route':
      return [`No route to host ${ip} (${detail}). Is the address right, and are both hosts in one network?`];
    case 'timeout':
      return [
        `No answer (${detail}). The host is down, a firewall drops packets to port ${port}, or the server hangs.`,
        ...busPortHint(port),
      ];
    case 'unknown host':
      return [`The host name '${named.host}' cannot be resolved (${detail}). Check the name, or give the IP.`];
    case 'password needed':
      return [
        'The server asks for a password (requirepass) and none was given.',
        'Give it in the environment variable REDISCLI_AUTH (or with -a, and --user for an ACL user).',
      ];
    case 'wrong password':
      return [
        `The server does not accept this password (${detail}).`,
        'Compare it with `requirepass` in its redis.conf, or with its ACL user (--user).',
      ];
    case 'protected mode':
      return [
        'The server is in protected mode: it has no password, so it only serves clients on its own host.',
        'Set `requirepass` in its redis.conf, or `protected-mode no` where the network is trusted, and restart it;',
        `without a restart, on that host:  redis-cli -p ${port} config set protected-mode no`,
      ];
    case 'loading':
      return ['The server is still loading its data from disk. Run the same command again when it is done.'];
    case 'not redis':
      return [`Something else than a Redis server answers on port ${port} (${detail}).`, ...busPortHint(port)];
    case 'other':
      return [`${detail}`, ...busPortHint(port)];
  }
}

async function refusedAdvice(ip: string, port: number): Promise<string[]> {
  const advice = [`Connection refused: port ${port} refuses connections on address ${ip}.`];
  for (const loopback of isOwnAddress(ip) ? ['127.0.0.1', '::1'] : []) {
    if (ip === loopback || !(await acceptsConnections(loopback, port))) continue;
    const answering = formatAddress(loopback, port);
    return [
      ...advice,
      `A server does answer on ${answering} of this machine: it is started, but bound to ${loopback}.`,
      `Set \`bind 0.0.0.0\` (every address) or \`bind ${ip}\` in its redis.conf and restart it.`,
    ];
  }
  return [
    ...advice,
    'Not started? Start it on that host:  shoal-server /path/to/redis.conf',
    'Started? Then it listens on another address or port: look at `bind` and `port` in its redis.conf.',
    '(`bind 127.0.0.1` serves its own host only, `bind 0.0.0.0` every address.)',
  ];
}

function busPortHint(port: number): string[] {
  return port > 10000 ? [`If ${port} is the cluster bus port: give the client port (${port - 10000}?) instead.`] : [];
}

function isOwnAddress(ip: string): boolean {
  const own = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return isLoopback(ip) || own.some(({ address }) => address === ip);
}

/** Whether a TCP connection to the port comes about from this machine. */
export async function acceptsConnections(ip: string, port: number): Promise<boolean> {
  const socket = createConnection({ host: ip, port });
  try {
    return await new Promise<boolean>((resolve) => {
      socket.setTimeout(PROBE_TIMEOUT_MS, () => resolve(false));
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
  } finally {
    socket.destroy();
  }
}
