/** Directives that hold a word: switches, choices and strings. */
import { quoteArg } from '../../base/splitArgs.js';
import { type Directive, MULTI_ARG, type Options, type Parsed, parsed, plainLine, refused } from '../directive.js';

/** Yes or no. */
export function bool(defaultValue: boolean, { flags = 0, aliases = [] }: Options = {}): Directive<boolean> {
  const defaultText = defaultValue ? 'yes' : 'no';
  return {
    aliases,
    flags,
    defaultValue,
    defaultText,
    parse([word]): Parsed<boolean> {
      const text = word.toLowerCase();
      if (text !== 'yes' && text !== 'no') return refused("argument must be 'yes' or 'no'");
      return parsed(text === 'yes', text);
    },
    rewrite: (name, text) => plainLine(name, text, defaultText),
  };
}

interface ChoiceOptions<V extends string> extends Options {
  /** Names that are taken for another one of the choices. */
  readonly synonyms?: Readonly<Record<string, V>>;
}

/** One of `choices`, which the error lists in this order. */
export function choice<const V extends string>(
  defaultValue: V,
  choices: readonly V[],
  { flags = 0, aliases = [], synonyms = {} }: ChoiceOptions<V> = {},
): Directive<V> {
  return {
    aliases,
    flags,
    defaultValue,
    defaultText: defaultValue,
    parse([word]): Parsed<V> {
      const chosen = choices.find((candidate) => candidate === word.toLowerCase());
      if (chosen === undefined) return refused(oneOf(choices));
      const value = synonyms[chosen] ?? chosen;
      return parsed(value, value);
    },
    rewrite: (name, text) => plainLine(name, text, defaultValue),
  };
}

/** Any of `names`, in any number; `none` is what no name at all is called. */
export function choices<const V extends string>(
  none: string,
  names: readonly V[],
  { flags = 0, aliases = [], check }: Options & { readonly check?: (chosen: readonly V[]) => string | undefined },
): Directive<readonly V[]> {
  return {
    aliases,
    flags: flags | MULTI_ARG,
    defaultValue: [],
    defaultText: none,
    parse(words): Parsed<readonly V[]> {
      const given = words.map((word) => word.toLowerCase());
      const known = given.every((word) => word === none || names.includes(word as V));
      if (given.length === 0 || !known) return refused(oneOf([none, ...names]));
      const chosen = names.filter((name) => given.includes(name));
      const error = check?.(chosen);
      return error === undefined ? parsed(chosen, chosen.join(' ') || none) : refused(error);
    },
    rewrite: (name, text) => plainLine(name, text, none),
  };
}

type Check = (text: string) => string | undefined;

interface TextOptions extends Options {
  /** The error text for a value that is not acceptable. */
  readonly check?: Check;
}

/** A string; an empty one is a value like any other. */
export function text(defaultText: string, options: TextOptions = {}): Directive<string> {
  return stringDirective(defaultText, options, cString, (name, value) => [
    { line: `${name} ${quoteArg(value)}`, force: value !== defaultText },
  ]);
}

/** A string that may be absent: the empty string says so. */
export function optionalText(options: TextOptions = {}): Directive<string> {
  return stringDirective('', options, cString, presentLine);
}

/** A string of any bytes, NUL included, or the empty string for none. */
export function optionalBytes(options: TextOptions = {}): Directive<string> {
  return stringDirective('', options, (word) => word, presentLine);
}

/** A file or path name. The value is decoded from UTF-8, ready for the file system. */
export function path(defaultText: string, options: TextOptions = {}): Directive<string> {
  return decoded(text(defaultText, options));
}

/** A file or path name, or the empty string for none. */
export function optionalPath(options: TextOptions = {}): Directive<string> {
  return decoded(optionalText(options));
}

/** The working directory. The value is its absolute path, decoded from UTF-8; a relative one starts at the old one. */
export function directory(options: Options = {}): Directive<string> {
  return {
    ...optionalPath(options),
    parse([word], current, { changeDirectory }): Parsed<string> {
      const result = changeDirectory(current, fromUtf8(cString(word)));
      return result.ok ? parsed(result.path, toUtf8(result.path)) : result;
    },
    rewrite: (name, value) => [{ line: `${name} ${quoteArg(value)}`, force: true }],
  };
}

/** The characters of UTF-8 bytes that are held one a character. */
export function fromUtf8(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

/** The UTF-8 bytes of a text, one a character. */
export function toUtf8(characters: string): string {
  return Buffer.from(characters, 'utf8').toString('latin1');
}

function stringDirective(
  defaultValue: string,
  { flags = 0, aliases = [], check }: TextOptions,
  read: (word: string) => string,
  rewrite: Directive<string>['rewrite'],
): Directive<string> {
  return {
    aliases,
    flags,
    defaultValue,
    defaultText: defaultValue,
    parse([word]): Parsed<string> {
      const value = read(word);
      const error = check?.(value);
      return error === undefined ? parsed(value, value) : refused(error);
    },
    rewrite,
  };
}

function decoded(inner: Directive<string>): Directive<string> {
  return {
    ...inner,
    defaultValue: fromUtf8(inner.defaultText),
    parse(words, current, context): Parsed<string> {
      const result = inner.parse(words, current, context);
      return result.ok ? parsed(fromUtf8(result.text), result.text) : result;
    },
  };
}

function presentLine(name: string, value: string) {
  return value === '' ? [] : [{ line: `${name} ${quoteArg(value)}`, force: true }];
}

/** What Redis keeps of a word in most places: the bytes before the first NUL. */
function cString(word: string): string {
  const nul = word.indexOf('\0');
  return nul < 0 ? word : word.slice(0, nul);
}

function oneOf(names: readonly string[]): string {
  return `argument(s) must be one of the following: ${names.join(', ')}`;
}
