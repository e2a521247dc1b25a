/**
 * Client-side caching: clients are told when keys change that they may have read.
 *
 *   default   keys      key ─> ids of the clients that read it; told once, then forgotten
 *   BCAST     prefixes  prefix ─> its clients, and the keys under it that changed in this round of the event loop
 *
 * The table of keys is bounded by tracking-table-max-keys: beyond it, keys are given up as if they had changed. It keeps ids
 * and not sessions, so that a client that has gone costs nothing to forget. Keys of all databases share one name space.
 */
import { fromLatin1, latin1 } from '../base/bytes.js';
import { PUBSUB, READONLY } from '../commands/command.js';
import type { ResolvedCommand, ServerPort } from '../commands/context.js';
import type { TrackingOptions, TrackingPort, TrackingState } from '../commands/pushPorts.js';
import type { ArgVector } from '../resp/argVector.js';
import type { ReplyWriter } from '../resp/replyWriter.js';
import { ByteEntry, ByteMap } from './byteMap.js';
import type { Pushes, PushTarget } from './pushes.js';
import type { Session } from './session.js';

/** Where RESP2 clients listen for what is redirected to them. */
const CHANNEL = '__redis__:invalidate';

/** What a prefix costs a client beside its text. */
const PREFIX_BYTES = 256;

/** Writes the keys of an invalidation. */
type WriteKeys = (writer: ReplyWriter) => void;

/** One invalidation for any number of clients: it is written once for each protocol that they speak. */
class Invalidation {
  readonly #pushes: Pushes;
  readonly #writeKeys: WriteKeys;
  readonly #messages: (Uint8Array | undefined)[] = [];

  constructor(pushes: Pushes, writeKeys: WriteKeys) {
    this.#pushes = pushes;
    this.#writeKeys = writeKeys;
  }

  in(protocol: number): Uint8Array {
    this.#messages[protocol] ??= this.#write(protocol);
    return this.#messages[protocol];
  }

  #write(protocol: number): Uint8Array {
    const writer = this.#pushes.begin(protocol);
    if (protocol === 2) {
      writer.push(3);
      writer.text('message');
      writer.text(CHANNEL);
    } else {
      writer.push(2);
      writer.text('invalidate');
    }
    this.#writeKeys(writer);
    return this.#pushes.taken();
  }
}

class TrackedKey extends ByteEntry {
  /** One id, or several. */
  readers: number | Set<number>;

  constructor(key: string, hash: number, reader: number) {
    super(key, hash);
    this.readers = reader;
  }
}

interface Prefix {
  readonly text: string;
  readonly bytes: Uint8Array;
  readonly sessions: Set<Session>;
  /** Who changed the key first, in this round. */
  readonly changed: Map<string, PushTarget | undefined>;
}

export class Tracking implements TrackingPort {
  /** Somebody tracks: changes of keys have to be told. */
  active = false;
  /** Runs something when the requests that have arrived are done with: what they change makes one message. */
  atEndOfRound: (run: () => void) => void = (run) => run();
  readonly #server: ServerPort;
  readonly #pushes: Pushes;
  readonly #sessions = new Set<Session>();
  readonly #keys: ByteMap<TrackedKey>;
  #items = 0;
  readonly #prefixes = new Map<string, Prefix>();
  readonly #keyIndexes: number[] = [];
  #broadcastDue = false;

  constructor(server: ServerPort, pushes: Pushes) {
    this.#server = server;
    this.#pushes = pushes;
    this.#keys = new ByteMap(server.random);
    server.config.onChange('tracking-table-max-keys', () => this.#limitKeys());
  }

  // ---------------------------------------------------------------- who tracks

  stateOf(session: Session): TrackingState | undefined {
    return session.tracking;
  }

  enable(session: Session, options: TrackingOptions, prefixes: readonly string[]): void {
    const { bcast } = options;
    const before = session.tracking?.prefixes ?? [];
    const added = bcast && prefixes.length === 0 ? [''] : prefixes;
    const all = bcast ? [...new Set([...before, ...added])].sort() : [];
    for (const prefix of all) this.#join(session, prefix);
    let prefixBytes = 0;
    for (const prefix of all) prefixBytes += PREFIX_BYTES + prefix.length;
    session.tracking = { ...options, brokenRedirect: false, caching: false, prefixes: all, prefixBytes };
    const target = this.#sessionOf(options.redirectTo);
    if (target !== undefined) target.redirectTarget = true;
    if (this.#sessions.has(session)) return;
    this.#sessions.add(session);
    this.#pushes.observers++;
    this.active = true;
  }

  disable(session: Session): void {
    const { tracking } = session;
    if (tracking === undefined) return;
    for (const text of tracking.prefixes) {
      const prefix = this.#prefixes.get(text);
      prefix?.sessions.delete(session);
      if (prefix?.sessions.size === 0) this.#prefixes.delete(text);
    }
    session.tracking = undefined;
    this.#sessions.delete(session);
    this.#pushes.observers--;
    this.active = this.#sessions.size > 0;
    if (!this.active) this.#forgetKeys();
  }

  #join(session: Session, text: string): void {
    let prefix = this.#prefixes.get(text);
    if (prefix === undefined) {
      prefix = { text, bytes: fromLatin1(text), sessions: new Set(), changed: new Map() };
      this.#prefixes.set(text, prefix);
    }
    prefix.sessions.add(session);
  }

  #sessionOf(id: number): Session | undefined {
    return id === 0 ? undefined : (this.#server.clients.byId(id) as Session | undefined);
  }

  get clientCount(): number {
    return this.#sessions.size;
  }

  get keyCount(): number {
    return this.#keys.size;
  }

  get itemCount(): number {
    return this.#items;
  }

  get prefixCount(): number {
    return this.#prefixes.size;
  }

  // ---------------------------------------------------------------- what was read

  /** Remembers the keys that a command of a tracking client has read. */
  noteRead(session: Session, command: ResolvedCommand, args: ArgVector): void {
    const { tracking } = session;
    if (tracking === undefined || tracking.bcast) return;
    if ((command.flags & READONLY) === 0 || (command.flags & PUBSUB) !== 0) return;
    if (tracking.optIn ? !tracking.caching : tracking.optOut && tracking.caching) return;
    const indexes = this.#keyIndexes;
    indexes.length = 0;
    if (!this.#server.commands.keyIndexes(command, args, indexes)) return;
    for (let n = 0; n < indexes.length; n++) {
      const i = indexes[n];
      this.#remember(session.id, args.buf, args.start[i], args.end[i]);
    }
    this.#limitKeys();
  }

  #remember(id: number, buf: Uint8Array, start: number, end: number): void {
    const found = this.#keys.find(buf, start, end);
    if (found === undefined) {
      this.#keys.add(buf, start, end, (key, hash) => new TrackedKey(key, hash, id));
      this.#items++;
    } else if (typeof found.readers !== 'number') {
      if (found.readers.has(id)) return;
      found.readers.add(id);
      this.#items++;
    } else if (found.readers !== id) {
      found.readers = new Set([found.readers, id]);
      this.#items++;
    }
  }

  #limitKeys(): void {
    const limit = this.#server.config.values['tracking-table-max-keys'];
    while (limit > 0 && this.#keys.size > limit) {
      this.#invalidate(this.#keys.any(this.#server.random) as TrackedKey, undefined);
    }
  }

  #forgetKeys(): void {
    this.#keys.clear();
    this.#items = 0;
  }

  // ---------------------------------------------------------------- what has changed

  /** The key was changed by the client whose command runs, or by the server itself. */
  changed(buf: Uint8Array, start: number, end: number, byServer: boolean): void {
    const by = byServer ? undefined : this.#pushes.current;
    if (this.#prefixes.size > 0) this.#noteChange(buf, start, end, by);
    const key = this.#keys.find(buf, start, end);
    if (key !== undefined) this.#invalidate(key, by);
  }

  /** Every key went away. */
  flushed(): void {
    const all = new Invalidation(this.#pushes, writeNothing);
    for (const session of this.#sessions) this.#tell(session, all);
    this.#forgetKeys();
  }

  /** `by`: who changed the key, undefined for the server; NOLOOP hides only what a client did itself. */
  #invalidate(key: TrackedKey, by: PushTarget | undefined): void {
    this.#keys.remove(key);
    const { readers } = key;
    this.#items -= typeof readers === 'number' ? 1 : readers.size;
    const invalidation = this.#of([key.key]);
    for (const id of typeof readers === 'number' ? [readers] : readers) {
      const session = this.#sessionOf(id);
      const tracking = session?.tracking;
      // The client may have gone, or have read the key before it changed to BCAST.
      if (session === undefined || tracking === undefined || tracking.bcast) continue;
      if (tracking.noLoop && session === by) continue;
      this.#tell(session, invalidation);
    }
  }

  #noteChange(buf: Uint8Array, start: number, end: number, by: PushTarget | undefined): void {
    let key: string | undefined;
    for (const { bytes, changed } of this.#prefixes.values()) {
      if (!startsWith(buf, start, end, bytes)) continue;
      key ??= latin1(buf, start, end);
      if (!changed.has(key)) changed.set(key, by);
    }
    if (key === undefined || this.#broadcastDue) return;
    this.#broadcastDue = true;
    this.atEndOfRound(() => this.#broadcast());
  }

  #of(keys: readonly string[]): Invalidation {
    return new Invalidation(this.#pushes, (writer) => writeKeys(writer, keys));
  }

  /** Tells the clients of each prefix which keys changed in this round: one message a prefix. */
  #broadcast(): void {
    this.#broadcastDue = false;
    for (const { changed, sessions } of this.#prefixes.values()) {
      if (changed.size === 0) continue;
      const keys = [...changed.keys()].sort();
      const all = this.#of(keys);
      for (const session of sessions) {
        if (session.tracking?.noLoop !== true) {
          this.#tell(session, all);
          continue;
        }
        const theirs = keys.filter((key) => changed.get(key) !== session);
        if (theirs.length > 0) this.#tell(session, theirs.length === keys.length ? all : this.#of(theirs));
      }
      changed.clear();
    }
  }

  /** Sends an invalidation to a client or to whom it redirects. */
  #tell(session: Session, invalidation: Invalidation): void {
    const tracking = session.tracking as TrackingState;
    let target = session;
    if (tracking.redirectTo !== 0) {
      const redirected = this.#sessionOf(tracking.redirectTo);
      if (redirected === undefined) return this.#redirectBroken(session, tracking);
      target = redirected;
    }
    // RESP2 knows no pushes: there it is a message to a subscriber, and one client alone cannot be told.
    if (target.protocol === 2 && (tracking.redirectTo === 0 || !target.subscribed)) return;
    this.#pushes.sendInvalidation(target, invalidation.in(target.protocol));
  }

  #redirectBroken(session: Session, tracking: TrackingState): void {
    tracking.brokenRedirect = true;
    if (session.protocol === 2) return;
    const writer = this.#pushes.begin(session.protocol);
    writer.push(2);
    writer.text('tracking-redir-broken');
    writer.integer(tracking.redirectTo);
    this.#pushes.sendInvalidation(session, this.#pushes.taken());
  }
}

function writeKeys(writer: ReplyWriter, keys: readonly string[]): void {
  writer.array(keys.length);
  for (const key of keys) writer.latin1(key);
}

function writeNothing(writer: ReplyWriter): void {
  writer.nil();
}

function startsWith(buf: Uint8Array, start: number, end: number, prefix: Uint8Array): boolean {
  if (prefix.length > end - start) return false;
  for (let i = 0; i < prefix.length; i++) if (buf[start + i] !== prefix[i]) return false;
  return true;
}
