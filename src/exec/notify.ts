/**
 * Keyspace notifications: what happens to keys as messages of pub/sub.
 *
 *   K   __keyspace@<db>__:<key>      the event
 *   E   __keyevent@<db>__:<event>    the key
 */
import type { Config } from '../config/config.js';
import { NOTIFY_KEYEVENT, NOTIFY_KEYSPACE } from '../config/kinds/events.js';
import type { PubSub } from './pubsub.js';

export class Notifier {
  /** The classes of events that are published; 0 when none is: the hot path stops here. */
  classes = 0;
  readonly #pubsub: PubSub;
  #toKeySpace = false;
  #toKeyEvent = false;
  /** The channel of the message under way. */
  #channel = Buffer.allocUnsafeSlow(256);
  #event = Buffer.allocUnsafeSlow(64);

  constructor(config: Config, pubsub: PubSub) {
    this.#pubsub = pubsub;
    config.onChange('notify-keyspace-events', (mask) => this.#configure(mask));
    this.#configure(config.values['notify-keyspace-events']);
  }

  #configure(mask: number): void {
    this.#toKeySpace = (mask & NOTIFY_KEYSPACE) !== 0;
    this.#toKeyEvent = (mask & NOTIFY_KEYEVENT) !== 0;
    this.classes = this.#toKeySpace || this.#toKeyEvent ? mask & ~(NOTIFY_KEYSPACE | NOTIFY_KEYEVENT) : 0;
  }

  /** Says what happened to the key buf[start, end). Asked only for an event whose class is in {@link classes}. */
  publish(dbIndex: number, buf: Uint8Array, start: number, end: number, event: string): void {
    const pubsub = this.#pubsub;
    if (pubsub.deaf) return;
    if (this.#toKeySpace) {
      const at = this.#begin(`__keyspace@${dbIndex}__:`, end - start);
      this.#channel.set(buf.subarray(start, end), at);
      const eventLength = this.#event.write(event, 'latin1');
      pubsub.publish(this.#channel, 0, at + end - start, this.#event, 0, eventLength, false);
    }
    if (this.#toKeyEvent) {
      const length = this.#begin(`__keyevent@${dbIndex}__:${event}`, 0);
      pubsub.publish(this.#channel, 0, length, buf, start, end, false);
    }
  }

  /** Writes the beginning of the channel's name with room for `more` bytes behind it; answers where those go. */
  #begin(prefix: string, more: number): number {
    const needed = prefix.length + more;
    if (needed > this.#channel.length) this.#channel = Buffer.allocUnsafeSlow(needed);
    return this.#channel.write(prefix, 'latin1');
  }
}
