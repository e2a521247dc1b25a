/** Snapshots and the directory that the data lives in. */
import { DENY_LOADING, HIDDEN, IMMUTABLE, PROTECTED, type Section } from '../directive.js';
import { savePoints } from '../kinds/list.js';
import { INT_MAX, INT_MIN, integer } from '../kinds/number.js';
import { bool, choice, directory, path } from '../kinds/text.js';

export const snapshotting = {
  save: savePoints([
    { seconds: 3600, changes: 1 },
    { seconds: 300, changes: 100 },
    { seconds: 60, changes: 10000 },
  ]),
  'stop-writes-on-bgsave-error': bool(true),
  rdbcompression: bool(true),
  rdbchecksum: bool(true, { flags: IMMUTABLE }),
  'sanitize-dump-payload': choice('no', ['no', 'yes', 'clients']),
  dbfilename: path('dump.rdb', {
    flags: PROTECTED,
    check: (name) => (name.includes('/') ? "dbfilename can't be a path, just a filename" : undefined),
  }),
  'rdb-del-sync-files': bool(false),
  'rdb-save-incremental-fsync': bool(true),
  dir: directory({ flags: PROTECTED | DENY_LOADING }),
  'rdb-key-save-delay': integer(0, INT_MIN, INT_MAX, { flags: HIDDEN }),
  'key-load-delay': integer(0, INT_MIN, INT_MAX, { flags: HIDDEN }),
  'loading-process-events-interval-bytes': integer(2097152, 1024, INT_MAX, { flags: HIDDEN }),
} satisfies Section;
