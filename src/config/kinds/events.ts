/** The directive that says which keyspace events are published. */
import { quoteArg } from '../../base/splitArgs.js';
import { type Directive, type Options, type Parsed, parsed, refused } from '../directive.js';

/** The classes of keyspace events, each the bit of its letter; {@link notifyEvents} has the letters in this order. */
export const NOTIFY_GENERIC = 1 << 0;
export const NOTIFY_STRING = 1 << 1;
export const NOTIFY_LIST = 1 << 2;
export const NOTIFY_SET = 1 << 3;
export const NOTIFY_HASH = 1 << 4;
export const NOTIFY_ZSET = 1 << 5;
export const NOTIFY_EXPIRED = 1 << 6;
export const NOTIFY_EVICTED = 1 << 7;
export const NOTIFY_STREAM = 1 << 8;
export const NOTIFY_MODULE = 1 << 9;
export const NOTIFY_NEW = 1 << 10;
export const NOTIFY_KEYSPACE = 1 << 11;
export const NOTIFY_KEYEVENT = 1 << 12;
export const NOTIFY_KEY_MISS = 1 << 13;

const EVENT_LETTERS = 'g$lshzxetdnKEm';
const NOTIFY_ALL = NOTIFY_NEW - 1;

/** `notify-keyspace-events <letters>`, the value a mask of the NOTIFY_ bits. */
export function notifyEvents({ flags = 0 }: Options = {}): Directive<number> {
  return {
    aliases: [],
    flags,
    defaultValue: 0,
    defaultText: '',
    parse([word]): Parsed<number> {
      let mask = 0;
      for (const letter of word) {
        const bit = EVENT_LETTERS.indexOf(letter);
        if (letter !== 'A' && bit < 0) return refused("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.");
        mask |= letter === 'A' ? NOTIFY_ALL : 1 << bit;
      }
      return parsed(mask, printEvents(mask));
    },
    rewrite: (name, text) => [{ line: `${name} ${quoteArg(text)}`, force: text !== '' }],
  };
}

/** `A` takes the place of all its letters, and hides `n`, as Redis prints it. */
function printEvents(mask: number): string {
  const all = (mask & NOTIFY_ALL) === NOTIFY_ALL;
  let letters = all ? 'A' : '';
  for (let bit = all ? EVENT_LETTERS.indexOf('K') : 0; bit < EVENT_LETTERS.length; bit++) {
    if ((mask & (1 << bit)) !== 0) letters += EVENT_LETTERS[bit];
  }
  return letters;
}
