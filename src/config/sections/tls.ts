/** Encrypted connections. */
import { SENSITIVE, type Section } from '../directive.js';
import { INT_MAX, integer } from '../kinds/number.js';
import { bool, choice, optionalPath, optionalText } from '../kinds/text.js';

export const tls = {
  'tls-port': integer(0, 0, 65535),
  'tls-cert-file': optionalPath(),
  'tls-key-file': optionalPath(),
  'tls-key-file-pass': optionalText({ flags: SENSITIVE }),
  'tls-client-cert-file': optionalPath(),
  'tls-client-key-file': optionalPath(),
  'tls-client-key-file-pass': optionalText({ flags: SENSITIVE }),
  'tls-dh-params-file': optionalPath(),
  'tls-ca-cert-file': optionalPath(),
  'tls-ca-cert-dir': optionalPath(),
  'tls-auth-clients': choice('yes', ['no', 'yes', 'optional']),
  'tls-replication': bool(false),
  'tls-cluster': bool(false),
  'tls-protocols': optionalText(),
  'tls-ciphers': optionalText(),
  'tls-ciphersuites': optionalText(),
  'tls-prefer-server-ciphers': bool(false),
  'tls-session-caching': bool(true),
  'tls-session-cache-size': integer(20480, 0, INT_MAX),
  'tls-session-cache-timeout': integer(300, 0, INT_MAX),
} satisfies Section;
