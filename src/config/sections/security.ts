/** Passwords, users and the commands that are shut by default. */
import { IMMUTABLE, SENSITIVE, type Section } from '../directive.js';
import { integer, LONG_MAX } from '../kinds/number.js';
import { choice, optionalBytes, path } from '../kinds/text.js';

const ALLOWED = ['no', 'yes', 'local'] as const;

export const security = {
  requirepass: optionalBytes({ flags: SENSITIVE }),
  aclfile: path('', { flags: IMMUTABLE }),
  'acl-pubsub-default': choice('resetchannels', ['allchannels', 'resetchannels']),
  'acllog-max-len': integer(128, 0, LONG_MAX),
  'enable-protected-configs': choice('no', ALLOWED, { flags: IMMUTABLE }),
  'enable-debug-command': choice('no', ALLOWED, { flags: IMMUTABLE }),
  'enable-module-command': choice('no', ALLOWED, { flags: IMMUTABLE }),
} satisfies Section;
