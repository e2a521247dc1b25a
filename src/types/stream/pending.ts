/**
 * The entries that a group has delivered and that nobody has acknowledged yet: whose they are, when they were delivered last, and
 * how often. 36 bytes an entry here, 16 more in the list of its consumer.
 *
 *   row   | id, 4 words | time high | time low | count high | count low | slot |
 *
 * `slot` is the consumer's place in the group's table.
 */
import type { ByteCount } from '../../store/types.js';
import { ID_WORDS, IdRows } from './idRows.js';
import { highWord, wordsToBigInt, wordsToNumber } from './uint64.js';

const TIME = ID_WORDS;
const COUNT = ID_WORDS + 2;
const SLOT = ID_WORDS + 4;
const ROW_WORDS = ID_WORDS + 5;

export class PendingEntries extends IdRows {
  constructor(account: ByteCount) {
    super(ROW_WORDS, account);
  }

  // ---------------------------------------------------------------- of the entry it stands on

  get deliveredAtMs(): number {
    return wordsToNumber(this.words[this.at + TIME], this.words[this.at + TIME + 1]);
  }

  set deliveredAtMs(ms: number) {
    this.beforeWrite();
    this.words[this.at + TIME] = highWord(ms);
    this.words[this.at + TIME + 1] = ms | 0;
  }

  /** How often it was delivered, as Redis replies it: a signed 64-bit number. */
  get deliveries(): bigint {
    return BigInt.asIntN(64, wordsToBigInt(this.words[this.at + COUNT], this.words[this.at + COUNT + 1]));
  }

  set deliveries(count: bigint) {
    this.beforeWrite();
    this.words[this.at + COUNT] = Number(BigInt.asIntN(32, count >> 32n));
    this.words[this.at + COUNT + 1] = Number(BigInt.asIntN(32, count));
  }

  /** The same as `deliveries++`, without garbage. */
  countDelivery(): void {
    this.beforeWrite();
    const low = (this.words[this.at + COUNT + 1] + 1) | 0;
    this.words[this.at + COUNT + 1] = low;
    if (low === 0) this.words[this.at + COUNT]++;
  }

  /** Delivered once, now. */
  deliver(slot: number, nowMs: number): void {
    this.slot = slot;
    this.deliveredAtMs = nowMs;
    this.words[this.at + COUNT] = 0;
    this.words[this.at + COUNT + 1] = 1;
  }

  get slot(): number {
    return this.words[this.at + SLOT];
  }

  set slot(slot: number) {
    this.beforeWrite();
    this.words[this.at + SLOT] = slot;
  }
}
