/** The append-only file. */
import { DENY_LOADING, IMMUTABLE, type Section } from '../directive.js';
import { INT_MAX, integer, LONG_MAX, memory } from '../kinds/number.js';
import { bool, choice, path } from '../kinds/text.js';

export const aof = {
  appendonly: bool(false, { flags: DENY_LOADING }),
  appendfilename: path('appendonly.aof', {
    flags: IMMUTABLE,
    check: (name) => checkName(name, 'appendfilename', 'a filename'),
  }),
  appenddirname: path('appendonlydir', {
    flags: IMMUTABLE,
    check: (name) => checkName(name, 'appenddirname', 'a dirname'),
  }),
  appendfsync: choice('everysec', ['everysec', 'always', 'no']),
  'no-appendfsync-on-rewrite': bool(false),
  /** Growth since the last rewrite that starts the next one; 0 is never. */
  'auto-aof-rewrite-percentage': integer(100, 0, INT_MAX),
  'auto-aof-rewrite-min-size': memory(67108864, 0, LONG_MAX),
  'aof-load-truncated': bool(true),
  'aof-use-rdb-preamble': bool(true),
  'aof-timestamp-enabled': bool(false),
  'aof-rewrite-incremental-fsync': bool(true),
  'aof-disable-auto-gc': bool(false),
} satisfies Section;

function checkName(name: string, directive: string, what: string): string | undefined {
  if (name === '') return `${directive} can't be empty`;
  return name.includes('/') ? `${directive} can't be a path, just ${what}` : undefined;
}
