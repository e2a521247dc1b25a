/** Seeded commands on all types, in the thousands, right and wrong ones, and writes that are always right. */
import type { Prng } from '../../../src/base/prng.js';
import { BITMAP_COMMANDS } from '../../spec/random/bitmap.js';
import { BASIC_COMMANDS, CommandGenerator } from '../../spec/random/generator.js';
import { GEO_COMMANDS } from '../../spec/random/geo.js';
import { HASH_COMMANDS } from '../../spec/random/hash.js';
import { HYPERLOGLOG_COMMANDS } from '../../spec/random/hyperloglog.js';
import { LIST_COMMANDS } from '../../spec/random/list.js';
import { SET_COMMANDS } from '../../spec/random/set.js';
import { STREAM_COMMANDS } from '../../spec/random/stream.js';
import { ZSET_COMMANDS } from '../../spec/random/zset.js';
import type { RawClient } from '../../support/rawclient.js';
import { randomWrites } from './randomWrites.js';

const ALL = [
  ...BASIC_COMMANDS,
  ...BITMAP_COMMANDS,
  ...GEO_COMMANDS,
  ...HASH_COMMANDS,
  ...HYPERLOGLOG_COMMANDS,
  ...LIST_COMMANDS,
  ...SET_COMMANDS,
  ...STREAM_COMMANDS,
  ...ZSET_COMMANDS,
];

/** Commands that would wait, that leave the connection in another state, or that empty everything too often. */
const UNFIT_NAMES = /^(BL|BR|BZ|CONFIG|MULTI|EXEC|WATCH|DISCARD|CLIENT|FLUSH|PFCOUNT)/i;
/**
 * After these a restart of redis-server alone has another digest: PFCOUNT notes in a value what it has counted, and BITFIELD makes a key
 * before it finds that all would overflow, both without a word in the append-only file; and distances are computed again, with
 * the last digit of another library.
 */
const UNFIT_WORDS = /^(block|fail|storedist)$/i;

function isUnfit(args: readonly string[]): boolean {
  return UNFIT_NAMES.test(args[0] ?? '') || args.some((arg) => UNFIT_WORDS.test(arg));
}

export class AnyCommands {
  readonly #client: RawClient;
  readonly #random: Prng;
  readonly #generator: CommandGenerator;

  constructor(client: RawClient, random: Prng) {
    this.#client = client;
    this.#random = random;
    this.#generator = new CommandGenerator(random, 1, ALL);
  }

  async send(count: number): Promise<void> {
    const half = Array.from({ length: count / 2 }, () => this.#generator.next().args).filter((args) => !isUnfit(args));
    await this.#client.pipeline(half);
    await this.#client.pipeline(randomWrites(this.#random, count - half.length));
  }

  /** What would expire before digests are compared stays. */
  async persistAll(): Promise<void> {
    for (const db of ['0', '1', '2']) {
      await this.#client.call('SELECT', db);
      const keys = await this.#client.call('KEYS', '*');
      if (keys.type !== 'array') throw new Error('KEYS did not answer an array');
      await this.#client.pipeline(keys.items.map((key) => ['PERSIST', 'text' in key ? key.text : '']));
    }
  }
}
