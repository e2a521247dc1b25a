/** Short forms for what most declarations of commands over single keys have in common. */
import { type ArgumentDoc, index, type KeySpec, range } from '../command.js';

/** The first argument is the key. */
export function oneKey(access: string, notes?: string): readonly KeySpec[] {
  const spec = { begin: index(1), find: range(0, 1), access };
  return [notes === undefined ? spec : { ...spec, notes }];
}

/** All arguments from the first on are keys; with `step` 2, every other one. */
export function keysToTheEnd(access: string, step = 1): readonly KeySpec[] {
  return [{ begin: index(1), find: range(-1, step), access }];
}

/** The first argument is one key and the second another, each with an access of its own. */
export function twoKeys(firstAccess: string, secondAccess: string): readonly KeySpec[] {
  return [
    { begin: index(1), find: range(0, 1), access: firstAccess },
    { begin: index(2), find: range(0, 1), access: secondAccess },
  ];
}

export const KEY: ArgumentDoc = { name: 'key', type: 'key', keySpecIndex: 0 };
export const KEYS: ArgumentDoc = { ...KEY, flags: ['multiple'] };

/** A bare word. */
export function token(name: string, extra?: Partial<ArgumentDoc>): ArgumentDoc {
  return { name, type: 'pure-token', token: name.toUpperCase(), ...extra };
}

/** One of several bare words. */
export function oneOf(name: string, words: readonly string[], extra?: Partial<ArgumentDoc>): ArgumentDoc {
  return { name, type: 'oneof', ...extra, arguments: words.map((word) => token(word)) };
}
