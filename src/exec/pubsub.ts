/**
 * Who is subscribed to what, and the way of a message to its subscribers.
 *
 *   channels   name ─> Channel ─> sessions           session.subscriptions ─> its channels, patterns, shard channels
 *   patterns   text ─> Pattern ─> sessions
 *   shard      name ─> Channel ─> sessions           (the slot of the name decides who serves it)
 *
 * A message is encoded once for each protocol, however many clients get it: they share its bytes. Invariants: a channel or
 * pattern is there exactly while somebody is subscribed to it, and session and channel always know of each other.
 */
import { assert } from '../base/assert.js';
import { latin1 } from '../base/bytes.js';
import { keySlot } from '../base/crc16.js';
import { globMatch } from '../base/glob.js';
import type { Random } from '../base/prng.js';
import type { PubSubPort, PushClient, SubscriptionKind } from '../commands/pushPorts.js';
import { ByteEntry, ByteMap } from './byteMap.js';
import type { Pushes, PushTarget } from './pushes.js';

/** What one subscription takes: its place in two sets. */
const SUBSCRIPTION_BYTES = 96;

/** A client's session, as far as subscriptions need it. */
export interface Subscriber extends PushClient, PushTarget {
  readonly protocol: number;
  /** Undefined without any. */
  subscriptions: Subscriptions | undefined;
  /** Subscribed to anything. */
  subscribed: boolean;
}

export class Channel extends ByteEntry {
  readonly subscribers = new Set<Subscriber>();
}

export interface Pattern {
  readonly key: string;
  readonly bytes: Uint8Array;
  readonly subscribers: Set<Subscriber>;
}

/** What one session is subscribed to. */
export class Subscriptions {
  readonly channels = new Set<Channel>();
  readonly patterns = new Set<Pattern>();
  readonly shardChannels = new Set<Channel>();
  /** Roughly what they take of memory, names included. */
  bytesUsed = 0;

  get total(): number {
    return this.channels.size + this.patterns.size + this.shardChannels.size;
  }
}

export class PubSub implements PubSubPort {
  readonly #pushes: Pushes;
  readonly #channels: ByteMap<Channel>;
  readonly #shardChannels: ByteMap<Channel>;
  readonly #patterns = new Map<string, Pattern>();
  // The message under way in each protocol, once somebody needs it.
  #inResp2: Uint8Array | undefined;
  #inResp3: Uint8Array | undefined;

  constructor(pushes: Pushes, random: Random) {
    this.#pushes = pushes;
    this.#channels = new ByteMap(random);
    this.#shardChannels = new ByteMap(random);
  }

  // ---------------------------------------------------------------- subscriptions

  subscribe(session: Subscriber, kind: SubscriptionKind, buf: Uint8Array, start: number, end: number): void {
    session.subscriptions ??= new Subscriptions();
    const mine = session.subscriptions;
    const before = mine.total;
    if (kind === 'pattern') {
      const key = latin1(buf, start, end);
      let pattern = this.#patterns.get(key);
      if (pattern === undefined) {
        pattern = { key, bytes: Buffer.from(key, 'latin1'), subscribers: new Set() };
        this.#patterns.set(key, pattern);
      }
      pattern.subscribers.add(session);
      mine.patterns.add(pattern);
    } else {
      const map = kind === 'shard' ? this.#shardChannels : this.#channels;
      const channel = map.find(buf, start, end) ?? map.add(buf, start, end, (key, hash) => new Channel(key, hash));
      channel.subscribers.add(session);
      (kind === 'shard' ? mine.shardChannels : mine.channels).add(channel);
    }
    if (mine.total !== before) mine.bytesUsed += SUBSCRIPTION_BYTES + end - start;
    session.subscribed = true;
  }

  unsubscribe(session: Subscriber, kind: SubscriptionKind, buf: Uint8Array, start: number, end: number): void {
    if (session.subscriptions === undefined) return;
    if (kind === 'pattern') {
      const pattern = this.#patterns.get(latin1(buf, start, end));
      if (pattern !== undefined) this.#leavePattern(session, session.subscriptions, pattern);
    } else {
      const channel = this.#map(kind === 'shard').find(buf, start, end);
      if (channel !== undefined) this.#leaveChannel(session, session.subscriptions, channel, kind === 'shard');
    }
    session.subscribed = session.subscriptions.total > 0;
  }

  /** Ends all subscriptions without a word: the client is gone, or was reset. */
  unsubscribeAll(session: Subscriber): void {
    const mine = session.subscriptions;
    if (mine === undefined) return;
    for (const channel of mine.channels) this.#leaveChannel(session, mine, channel, false);
    for (const channel of mine.shardChannels) this.#leaveChannel(session, mine, channel, true);
    for (const pattern of mine.patterns) this.#leavePattern(session, mine, pattern);
    session.subscriptions = undefined;
    session.subscribed = false;
  }

  /** Ends all subscriptions to shard channels whose slot `isServed` denies, and tells the subscribers. */
  dropShardChannels(isServed: (slot: number) => boolean): void {
    if (this.#shardChannels.size === 0) return;
    for (const channel of this.#shardChannels.entries()) {
      const name = Buffer.from(channel.key, 'latin1');
      if (isServed(keySlot(name, 0, name.length))) continue;
      for (const session of channel.subscribers) {
        const mine = session.subscriptions as Subscriptions;
        this.#leaveChannel(session, mine, channel, true);
        session.subscribed = mine.total > 0;
        const writer = this.#pushes.begin(session.protocol);
        writer.push(3);
        writer.text('sunsubscribe');
        writer.bytes(name);
        writer.integer(mine.shardChannels.size);
        this.#pushes.send(session, this.#pushes.taken());
      }
    }
  }

  #leaveChannel(session: Subscriber, mine: Subscriptions, channel: Channel, sharded: boolean): void {
    if (!(sharded ? mine.shardChannels : mine.channels).delete(channel)) return;
    channel.subscribers.delete(session);
    if (channel.subscribers.size === 0) this.#map(sharded).remove(channel);
    mine.bytesUsed -= SUBSCRIPTION_BYTES + channel.key.length;
  }

  #leavePattern(session: Subscriber, mine: Subscriptions, pattern: Pattern): void {
    if (!mine.patterns.delete(pattern)) return;
    pattern.subscribers.delete(session);
    if (pattern.subscribers.size === 0) this.#patterns.delete(pattern.key);
    mine.bytesUsed -= SUBSCRIPTION_BYTES + pattern.key.length;
  }

  #map(sharded: boolean): ByteMap<Channel> {
    return sharded ? this.#shardChannels : this.#channels;
  }

  // ---------------------------------------------------------------- messages

  /** Nobody would hear a message that is not sharded. */
  get deaf(): boolean {
    return this.#channels.size === 0 && this.#patterns.size === 0;
  }

  publish(
    cbuf: Uint8Array,
    cs: number,
    ce: number,
    mbuf: Uint8Array,
    ms: number,
    me: number,
    sharded: boolean,
  ): number {
    let receivers = 0;
    const channel = this.#map(sharded).find(cbuf, cs, ce);
    if (channel !== undefined) {
      receivers += channel.subscribers.size;
      for (const session of channel.subscribers) {
        this.#pushes.send(
          session,
          this.#encoded(session.protocol) ?? this.#encode(session, undefined, sharded, cbuf, cs, ce, mbuf, ms, me),
        );
      }
      this.#forget();
    }
    if (sharded) return receivers;
    for (const pattern of this.#patterns.values()) {
      if (!globMatch(pattern.bytes, 0, pattern.bytes.length, cbuf, cs, ce)) continue;
      receivers += pattern.subscribers.size;
      for (const session of pattern.subscribers) {
        this.#pushes.send(
          session,
          this.#encoded(session.protocol) ?? this.#encode(session, pattern, false, cbuf, cs, ce, mbuf, ms, me),
        );
      }
      this.#forget();
    }
    return receivers;
  }

  #encoded(protocol: number): Uint8Array | undefined {
    return protocol === 2 ? this.#inResp2 : this.#inResp3;
  }

  #forget(): void {
    this.#inResp2 = undefined;
    this.#inResp3 = undefined;
  }

  #encode(
    { protocol }: Subscriber,
    pattern: Pattern | undefined,
    sharded: boolean,
    cbuf: Uint8Array,
    cs: number,
    ce: number,
    mbuf: Uint8Array,
    ms: number,
    me: number,
  ): Uint8Array {
    const writer = this.#pushes.begin(protocol);
    if (pattern === undefined) {
      writer.push(3);
      writer.text(sharded ? 'smessage' : 'message');
    } else {
      writer.push(4);
      writer.text('pmessage');
      writer.bytes(pattern.bytes);
    }
    writer.bulk(cbuf, cs, ce);
    writer.bulk(mbuf, ms, me);
    const bytes = this.#pushes.taken();
    if (protocol === 2) this.#inResp2 = bytes;
    else this.#inResp3 = bytes;
    return bytes;
  }

  // ---------------------------------------------------------------- questions

  subscriptions({ subscriptions: mine }: Subscriber, kind: SubscriptionKind): string[] {
    if (mine === undefined) return [];
    const of = { channel: mine.channels, pattern: mine.patterns, shard: mine.shardChannels };
    return Array.from<{ readonly key: string }, string>(of[kind], ({ key }) => key);
  }

  channels(sharded: boolean): Channel[] {
    return this.#map(sharded).entries();
  }

  channelCount(sharded: boolean): number {
    return this.#map(sharded).size;
  }

  subscriberCount(sharded: boolean, buf: Uint8Array, start: number, end: number): number {
    return this.#map(sharded).find(buf, start, end)?.subscribers.size ?? 0;
  }

  get patternCount(): number {
    return this.#patterns.size;
  }

  verify(): void {
    for (const map of [this.#channels, this.#shardChannels]) {
      map.verify();
      for (const channel of map.entries()) {
        assert(channel.subscribers.size > 0, `nobody is subscribed to ${channel.key}`);
        for (const { subscriptions: mine } of channel.subscribers) {
          assert(
            (map === this.#channels ? mine?.channels : mine?.shardChannels)?.has(channel) === true,
            `a subscriber of ${channel.key} does not know it`,
          );
        }
      }
    }
    for (const [key, pattern] of this.#patterns) {
      assert(pattern.subscribers.size > 0, `nobody is subscribed to pattern ${key}`);
      for (const { subscriptions: mine } of pattern.subscribers) {
        assert(mine?.patterns.has(pattern) === true, `a subscriber of pattern ${key} does not know it`);
      }
    }
  }
}
