/** One connection to one node: no retries, no queue while it is down, every failure named. */
import { lookup } from 'node:dns/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ConnectionOptions } from 'node:tls';
import { Redis } from 'ioredis';
import { type Address, formatAddress } from './address.js';
import { type Trouble, troubleOf } from './trouble.js';

/** A command's reply as ioredis decodes it. */
export type Reply = string | number | null | Reply[];

/** The same with bulk strings as the bytes they are: keys need not be text. */
export type RawReply = Buffer | number | null | RawReply[];

export interface Credentials {
  readonly username: string | undefined;
  readonly password: string | undefined;
}

export interface ConnectOptions extends Credentials {
  readonly connectTimeoutMs: number;
  readonly tls?: ConnectionOptions | undefined;
  /** Sees every command just before it is sent; when it throws, the command is not sent and the call fails. */
  readonly onCommand?: ((node: string, args: readonly string[]) => void) | undefined;
}

/** How long a node may take to answer an administrative command before it counts as hung. */
const REPLY_TIMEOUT_MS = 15_000;
/** How long, and how often, to try a node that is loading its data. */
const LOADING_PATIENCE_MS = 3000;
const LOADING_POLL_MS = 50;

/** An error reply, or a connection that ended, in the middle of work with a node. */
export class NodeCallError extends Error {
  override name = 'NodeCallError';
  /** The error's own words, without node and command. */
  readonly reply: string;
  /** False when the connection failed instead. */
  readonly isReply: boolean;

  constructor(node: string, args: readonly string[], reply: string, isReply: boolean) {
    const command = args.slice(0, 3).join(' ');
    super(isReply ? `${node} answered ${command} with: ${reply}` : `${node} did not answer ${command}: ${reply}`);
    this.reply = reply;
    this.isReply = isReply;
  }
}

export class NodeClient {
  /** As the operator named it, or as another node knows it. */
  readonly named: Address;
  readonly ip: string;
  readonly port: number;
  readonly #redis: Redis;
  readonly #onCommand: ConnectOptions['onCommand'];
  /** The words behind MIGRATE's AUTH2 or AUTH that let another node in here; none when the node asks for no password. */
  readonly migrateAuth: readonly string[];

  private constructor(
    named: Address,
    ip: string,
    redis: Redis,
    migrateAuth: readonly string[],
    onCommand: ConnectOptions['onCommand'],
  ) {
    this.named = named;
    this.ip = ip;
    this.port = named.port;
    this.#redis = redis;
    this.migrateAuth = migrateAuth;
    this.#onCommand = onCommand;
  }

  /**
   * Connects and authenticates. A host name is resolved here, because nodes only take IPs from each other; of several
   * IPs the first one that accepts counts. Returns the trouble instead of throwing.
   */
  static async connect(named: Address, options: ConnectOptions): Promise<NodeClient | Trouble> {
    let ips: string[];
    try {
      const found = await lookup(named.host, { all: true });
      ips = found.sort((a, b) => a.family - b.family).map(({ address }) => address);
    } catch (error) {
      return { named, ip: undefined, kind: 'unknown host', detail: (error as Error).message };
    }
    let trouble: Trouble | undefined;
    for (const ip of ips) {
      const outcome = await connectTo(named, ip, options);
      if ('redis' in outcome) {
        return new NodeClient(named, ip, outcome.redis, outcome.migrateAuth, options.onCommand);
      }
      trouble ??= outcome;
    }
    return trouble ?? { named, ip: undefined, kind: 'unknown host', detail: 'the name has no address' };
  }

  /** `ip:port`, the name by which transcripts call a node. */
  get name(): string {
    return formatAddress(this.ip, this.port);
  }

  /** Sends a command and returns its reply; throws a {@link NodeCallError} on an error reply or a lost connection. */
  async call(args: readonly string[], timeoutMs: number = REPLY_TIMEOUT_MS): Promise<Reply> {
    this.#onCommand?.(this.name, args);
    const [command, ...rest] = args;
    const send = (): Promise<Reply> => withTimeout(this.#redis.call(command, rest) as Promise<Reply>, timeoutMs);
    return await this.#settle(args, whenLoaded(send));
  }

  /** The same for arguments and replies that need not be text. */
  async callRaw(args: readonly (string | Buffer)[], timeoutMs: number = REPLY_TIMEOUT_MS): Promise<RawReply> {
    const words = args.map(String);
    this.#onCommand?.(this.name, words);
    const [command, ...rest] = args;
    const send = (): Promise<RawReply> =>
      withTimeout(this.#redis.callBuffer(String(command), ...rest) as Promise<RawReply>, timeoutMs);
    return await this.#settle(words, whenLoaded(send));
  }

  /** Sends all commands at once; each reply, or what went wrong, in order. */
  async callAll(
    commands: readonly (readonly (string | Buffer)[])[],
    timeoutMs: number = REPLY_TIMEOUT_MS,
  ): Promise<(RawReply | NodeCallError)[]> {
    for (const args of commands) this.#onCommand?.(this.name, args.map(String));
    const pipeline = this.#redis.pipeline();
    for (const [command, ...rest] of commands) pipeline.callBuffer(String(command), ...rest);
    const replies = await this.#settle(commands[0]?.map(String) ?? [], withTimeout(pipeline.exec(), timeoutMs));
    return (replies ?? []).map(([error, reply], i) => {
      return error === null ? (reply as RawReply) : this.#failure(commands[i].map(String), error);
    });
  }

  async #settle<T>(args: readonly string[], reply: Promise<T>): Promise<T> {
    try {
      return await reply;
    } catch (error) {
      throw this.#failure(args, error as Error);
    }
  }

  #failure(args: readonly string[], { name, message }: Error): NodeCallError {
    if (name === 'ReplyError') return new NodeCallError(this.name, args, message, true);
    const lost = /^Connection is closed|^Stream isn't writeable/.test(message);
    return new NodeCallError(this.name, args, lost ? 'the connection is lost' : message, false);
  }

  /** A command whose reply is text. */
  async text(...args: string[]): Promise<string> {
    return String(await this.call(args));
  }

  close(): void {
    disconnect(this.#redis);
  }
}

/** Makes the connections of one run and closes all of them at its end, however it ends. */
export class Connector {
  #options: ConnectOptions;
  readonly #clients: NodeClient[] = [];

  constructor(options: ConnectOptions) {
    this.#options = options;
  }

  get password(): string | undefined {
    return this.#options.password;
  }

  /** The password to use from now on, unless one was given. */
  assumePassword(password: string | undefined): void {
    this.#options = { ...this.#options, password: this.#options.password ?? password };
  }

  get tls(): ConnectionOptions | undefined {
    return this.#options.tls;
  }

  /** See {@link NodeClient.connect}. `credentials` are for a node that has others than the cluster's. */
  async connect(named: Address, credentials?: Credentials): Promise<NodeClient | Trouble> {
    const outcome = await NodeClient.connect(named, { ...this.#options, ...credentials });
    if (outcome instanceof NodeClient) this.#clients.push(outcome);
    return outcome;
  }

  closeAll(): void {
    for (const client of this.#clients) client.close();
  }
}

interface Connection {
  readonly redis: Redis;
  readonly migrateAuth: readonly string[];
}

/** A replica loads what its master sends, mostly for a moment only: no reason to give up at once. */
async function connectTo(named: Address, ip: string, options: ConnectOptions): Promise<Connection | Trouble> {
  const deadlineMs = performance.now() + LOADING_PATIENCE_MS;
  for (;;) {
    const outcome = await connectOnce(named, ip, options);
    const isLoading = 'kind' in outcome && outcome.kind === 'loading';
    if (!isLoading || performance.now() > deadlineMs) return outcome;
    await sleep(LOADING_POLL_MS);
  }
}

async function connectOnce(named: Address, ip: string, options: ConnectOptions): Promise<Connection | Trouble> {
  const redis = new Redis({
    host: ip,
    port: named.port,
    connectTimeout: options.connectTimeoutMs,
    lazyConnect: true,
    retryStrategy: null,
    maxRetriesPerRequest: 0,
    enableReadyCheck: false,
    enableOfflineQueue: false,
    disableClientInfo: true,
    ...(options.tls && { tls: options.tls }),
  });
  // ioredis rejects with 'Connection is closed.'; what happened comes as an event (also a -DENIED before any command).
  let cause: Error | undefined;
  redis.on('error', (error: Error) => {
    cause ??= error;
  });
  try {
    await redis.connect();
    const migrateAuth = await withTimeout(authenticate(redis, options), options.connectTimeoutMs);
    return { redis, migrateAuth };
  } catch (error) {
    disconnect(redis);
    return troubleOf(named, ip, cause ?? (error as Error));
  }
}

/** On a connection that has ended by itself, ioredis would wait two seconds for it to end: the process with it. */
function disconnect(redis: Redis): void {
  if (redis.status !== 'end') redis.disconnect();
}

/**
 * Proves that a Redis answers and lets us in. A password that a node does not ask for is no error. Returns the words with
 * which MIGRATE proves the same.
 */
async function authenticate(redis: Redis, { username, password }: ConnectOptions): Promise<readonly string[]> {
  let migrateAuth: readonly string[] = [];
  if (password !== undefined) {
    migrateAuth = username === undefined ? ['AUTH', password] : ['AUTH2', username, password];
    await redis.call('AUTH', username === undefined ? [password] : [username, password]).catch((error: Error) => {
      if (!/no password is set|without any password configured/.test(error.message)) throw error;
      migrateAuth = [];
    });
  }
  const reply = await redis.call('PING').catch((error: Error) => {
    // A user without the right to PING has proved as much as a PONG does.
    if (!error.message.startsWith('NOPERM')) throw error;
    return 'PONG';
  });
  if (reply !== 'PONG') throw new Error(`unexpected answer to PING: ${String(reply)}`);
  return migrateAuth;
}

/** A command that is answered with LOADING was not run: it is sent again for a while. */
async function whenLoaded<T>(send: () => Promise<T>): Promise<T> {
  const deadlineMs = performance.now() + LOADING_PATIENCE_MS;
  for (;;) {
    try {
      return await send();
    } catch (error) {
      if (!(error as Error).message.startsWith('LOADING') || performance.now() > deadlineMs) throw error;
      await sleep(LOADING_POLL_MS);
    }
  }
}

async function withTimeout<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_, reject) => {
    // Infinity means no limit; setTimeout would take it for zero.
    if (timeoutMs === Number.POSITIVE_INFINITY) return;
    timer = setTimeout(() => reject(new Error(`timed out after ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    return await Promise.race([work, expired]);
  } finally {
    clearTimeout(timer);
  }
}
