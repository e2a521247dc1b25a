import { describe, expect, it } from 'vitest';
import {
  ADMIN,
  FAST,
  index,
  keynum,
  keyword,
  MOVABLEKEYS,
  READONLY,
  range,
  WRITE,
} from '../../src/commands/command.js';
import { type Command, command } from '../../src/commands/define.js';
import { deriveCommand, findKeyIndexes, findKeysWithAccess } from '../../src/commands/introspection/derive.js';
import { ArgVector } from '../../src/resp/argVector.js';

function declare(parts: Partial<Command>): Command {
  const required = {
    name: 'x',
    arity: -1,
    group: 'generic',
    since: '1.0.0',
    flags: 0,
    complexity: '',
    summary: '',
  } as const;
  return command({ ...required, ...parts });
}

/** The key arguments of a request, as text; undefined when it has none. */
function keysOf(declaration: Command, request: string): string[] | undefined {
  const args = ArgVector.from(request.split(' '));
  const out: number[] = [];
  return findKeyIndexes(declaration, args, out) ? out.map((at) => args.text(at)) : undefined;
}

const get = declare({ keys: [{ begin: index(1), find: range(0, 1), access: 'RO ACCESS' }] });
const mset = declare({ keys: [{ begin: index(1), find: range(-1, 2), access: 'OW UPDATE' }] });
const evaluate = declare({ keys: [{ begin: index(2), find: keynum(0, 1, 1), access: 'RW ACCESS UPDATE' }] });
const zunionstore = declare({
  keys: [
    { begin: index(1), find: range(0, 1), access: 'OW UPDATE' },
    { begin: index(2), find: keynum(0, 1, 1), access: 'RO ACCESS' },
  ],
});
const xread = declare({ keys: [{ begin: keyword('STREAMS', 1), find: range(-1, 1, 2), access: 'RO ACCESS' }] });
const fromTheEnd = declare({ keys: [{ begin: keyword('KEYS', -2), find: range(-1, 1), access: 'RW ACCESS' }] });
const channel = declare({ keys: [{ begin: index(1), find: range(-1, 1), access: 'not_key' }] });
const incomplete = declare({
  keys: [{ begin: index(1), find: range(0, 1), access: 'RO access incomplete' }],
  getKeys: (args, out) => out.push(1, args.argc - 1),
});

describe('the keys of a request', () => {
  const cases: readonly (readonly [string, Command, string, string[] | undefined])[] = [
    ['a fixed place', get, 'get a', ['a']],
    ['every second argument', mset, 'mset a 1 b 2', ['a', 'b']],
    ['as many as a number says', evaluate, 'eval s 2 a b c', ['a', 'b']],
    ['none of them', evaluate, 'eval s 0 a', undefined],
    ['more than there are', evaluate, 'eval s 9 a', undefined],
    ['a number that is none', evaluate, 'eval s x a', undefined],
    ['a negative number', evaluate, 'eval s -1 a', undefined],
    ['several specifications', zunionstore, 'zunionstore d 2 a b', ['d', 'a', 'b']],
    ['several, one of them wrong', zunionstore, 'zunionstore d 5 a b', undefined],
    ['behind a word, the first half', xread, 'xread count 2 streams a b 0 0', ['a', 'b']],
    ['behind a word, letter case aside', xread, 'xread StReAmS a 0', ['a']],
    ['the word is missing', xread, 'xread a 0', undefined],
    ['the word is looked for from the end', fromTheEnd, 'x keys y keys a', ['a']],
    ['what only looks like a key', channel, 'spublish a b', undefined],
    ['found by the command itself', incomplete, 'sort a store b', ['a', 'b']],
  ];
  for (const [name, declaration, request, expected] of cases) {
    it(name, () => expect(keysOf(declaration, request)).toEqual(expected));
  }

  it('are added behind what is in the list, which stays as it was when there are none', () => {
    const out = [7];
    expect(findKeyIndexes(evaluate, ArgVector.from(['eval', 's', '9', 'a']), out)).toBe(false);
    expect(out).toEqual([7]);
    expect(findKeyIndexes(mset, ArgVector.from(['mset', 'a', '1']), out)).toBe(true);
    expect(out).toEqual([7, 1]);
  });

  it('come with the access that their specification declares', () => {
    const out: number[] = [];
    const access: string[] = [];
    findKeysWithAccess(zunionstore, ArgVector.from(['zunionstore', 'd', '1', 'a']), out, access);
    expect(access).toEqual(['OW UPDATE', 'RO ACCESS']);
  });
});

describe('the old-style key range', () => {
  const rangeOf = (declaration: Command) => {
    const { firstKey, lastKey, keyStep, flags } = deriveCommand(declaration);
    return { range: [firstKey, lastKey, keyStep], movable: (flags & MOVABLEKEYS) !== 0 };
  };

  it('is that of a sole plain specification', () => {
    expect(rangeOf(get)).toEqual({ range: [1, 1, 1], movable: false });
    expect(rangeOf(mset)).toEqual({ range: [1, -1, 2], movable: false });
  });

  it('is empty without keys', () => expect(rangeOf(declare({}))).toEqual({ range: [0, 0, 0], movable: false }));

  it('leaves out what it cannot say, and says so', () => {
    expect(rangeOf(zunionstore)).toEqual({ range: [1, 1, 1], movable: true });
    expect(rangeOf(evaluate)).toEqual({ range: [0, 0, 0], movable: true });
    expect(rangeOf(incomplete)).toEqual({ range: [1, 1, 1], movable: true });
  });

  it('joins specifications that follow each other', () => {
    const rename = declare({
      keys: [
        { begin: index(1), find: range(0, 1), access: 'RW ACCESS DELETE' },
        { begin: index(2), find: range(0, 1), access: 'OW UPDATE' },
      ],
    });
    expect(rangeOf(rename)).toEqual({ range: [1, 2, 1], movable: false });
  });
});

describe('ACL categories', () => {
  it('follow from the flags, in the order in which they are printed', () => {
    expect(deriveCommand(declare({ flags: WRITE | FAST, acl: ['string'] })).aclCategories).toEqual([
      '@write',
      '@string',
      '@fast',
    ]);
    expect(deriveCommand(declare({ flags: ADMIN })).aclCategories).toEqual(['@admin', '@slow', '@dangerous']);
  });

  it('a script that only reads is not in @read', () => {
    expect(deriveCommand(declare({ flags: READONLY, acl: ['scripting'] })).aclCategories).toEqual([
      '@slow',
      '@scripting',
    ]);
  });

  it('a subcommand bears the name of its container', () => {
    expect(deriveCommand(declare({ name: 'get' }), 'config').fullName).toBe('config|get');
  });
});
