/** The keyspace events that a command causes, for comparing two servers. */
import { textOf } from '../../support/notation.js';
import { RawClient } from '../../support/rawclient.js';

/** All classes but `x`: when a key is found to be expired is each server's own business. */
const CLASSES = 'Kg$lshzetdmn';

export class EventListener {
  readonly #client: RawClient;

  private constructor(client: RawClient) {
    this.#client = client;
  }

  static async open(port: number): Promise<EventListener> {
    const client = await RawClient.connect(port);
    await client.call('CONFIG', 'SET', 'notify-keyspace-events', CLASSES);
    await client.call('PSUBSCRIBE', '__keyspace@*__:*');
    return new EventListener(client);
  }

  /** What has happened since the last time, in order, one `__keyspace@0__:k set` a line. */
  async take(): Promise<string> {
    this.#client.send('PING');
    const events: string[] = [];
    for (;;) {
      const reply = await this.#client.read();
      // The PONG of a subscriber is an array as well, and stands behind all messages sent before.
      if (reply.type !== 'array' || reply.items.length !== 4) return withMissesInOrder(events).join('\n');
      events.push(`${textOf(reply.items[2])} ${textOf(reply.items[3])}`);
    }
  }

  close(): void {
    this.#client.close();
  }
}

/** SORT looks for a key for each member of a set, which is in no order of its own: misses in a row are put in one. */
function withMissesInOrder(events: readonly string[]): string[] {
  const isMiss = (event: string | undefined): boolean => event?.endsWith(' keymiss') ?? false;
  const runs: string[][] = [];
  for (const event of events) {
    const last = runs.at(-1);
    if (last !== undefined && isMiss(event) && isMiss(last[0])) last.push(event);
    else runs.push([event]);
  }
  return runs.flatMap((run) => run.sort());
}
