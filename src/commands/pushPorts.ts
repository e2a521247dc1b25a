/** Pub/sub, client-side caching and MONITOR as commands and INFO see them: whatever sends clients what they did not ask for now. */

/** A client, as context.ts has it. */
export interface PushClient {
  readonly id: number;
}

/** What one subscribes to: a channel, all channels of a pattern, or a shard channel, which lives where its slot lives. */
export type SubscriptionKind = 'channel' | 'pattern' | 'shard';

/** How many of each kind a client is subscribed to. */
export interface SubscriptionCounts {
  readonly channels: number;
  readonly patterns: number;
  readonly shardChannels: number;
}

export interface ActiveChannel {
  /** One character a byte. */
  readonly key: string;
  readonly subscribers: { readonly size: number };
}

/** Names are byte ranges, copied where they are kept. */
export interface PubSubPort {
  /** Nothing happens to a client that is subscribed already. */
  subscribe(client: PushClient, kind: SubscriptionKind, buf: Uint8Array, start: number, end: number): void;
  /** Nothing happens to a client that is not subscribed. */
  unsubscribe(client: PushClient, kind: SubscriptionKind, buf: Uint8Array, start: number, end: number): void;
  /** Names, one character a byte, in the order in which the client subscribed. */
  subscriptions(client: PushClient, kind: SubscriptionKind): string[];
  /** Sends a message to the subscribers on this node; answers to how many. */
  publish(
    channelBuf: Uint8Array,
    channelStart: number,
    channelEnd: number,
    messageBuf: Uint8Array,
    messageStart: number,
    messageEnd: number,
    sharded: boolean,
  ): number;
  /** Channels that have subscribers (by name, not by pattern). */
  channels(sharded: boolean): readonly ActiveChannel[];
  subscriberCount(sharded: boolean, buf: Uint8Array, start: number, end: number): number;
  channelCount(sharded: boolean): number;
  /** Patterns, each counted once. */
  readonly patternCount: number;
}

/** What CLIENT TRACKING says. */
export interface TrackingOptions {
  bcast: boolean;
  optIn: boolean;
  optOut: boolean;
  noLoop: boolean;
  /** The client that gets the invalidations; 0: the one that tracks. */
  redirectTo: number;
}

/** How keys are tracked for one client. */
export interface TrackingState extends Readonly<TrackingOptions> {
  /** An invalidation could not be sent, for the client that it is redirected to was gone. */
  brokenRedirect: boolean;
  /** CLIENT CACHING was said: it counts for the next command. */
  caching: boolean;
  /** Of BCAST, sorted, one character a byte. */
  readonly prefixes: readonly string[];
  /** What they take. */
  readonly prefixBytes: number;
}

export interface TrackingPort {
  /** Undefined while nothing is tracked for the client. */
  stateOf(client: PushClient): TrackingState | undefined;
  /** Prefixes add to those that the client has. */
  enable(client: PushClient, options: TrackingOptions, prefixes: readonly string[]): void;
  disable(client: PushClient): void;
  readonly clientCount: number;
  /** Keys of which somebody is told when they change, and how many clients that makes in sum. */
  readonly keyCount: number;
  readonly itemCount: number;
  readonly prefixCount: number;
}

export interface MonitorsPort {
  /** From now on the client is sent every command that runs. */
  add(client: PushClient): void;
  has(client: PushClient): boolean;
}
