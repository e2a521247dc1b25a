import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { findEntry } from '../../src/config/directives.js';
import { loadText, newConfig } from './support.js';

const text = readFileSync(new URL('../../redis.conf', import.meta.url), 'latin1');
/** A comment without a space behind its '#' is a setting. */
const settings = text.split('\n').flatMap((line) => (/^#[a-z]/.test(line) ? [line.slice(1)] : []));

/** What an operator sets up a node with. */
const EXPECTED = (
  'bind port protected-mode tcp-backlog unixsocket timeout tcp-keepalive maxclients daemonize pidfile logfile loglevel ' +
  'databases requirepass dir appendonly appendfsync appenddirname appendfilename aof-load-truncated maxmemory ' +
  'client-output-buffer-limit proto-max-bulk-len cluster-enabled cluster-config-file cluster-node-timeout ' +
  'cluster-port cluster-announce-ip cluster-announce-port cluster-announce-bus-port cluster-announce-hostname ' +
  'cluster-preferred-endpoint-type cluster-require-full-coverage cluster-allow-reads-when-down'
).split(' ');

describe('the redis.conf we ship', () => {
  it('sets nothing by itself', () => {
    const { config, error } = loadText(text, '/usr');
    expect(error).toBeUndefined();
    expect(config.get(['*'])).toEqual(newConfig('/usr').get(['*']));
  });

  it('has every setting at its default', () => {
    for (const setting of settings) {
      const { config, error } = loadText(setting, '/usr');
      expect(error?.message, setting).toBeUndefined();
      expect(config.get(['*']), setting).toEqual(newConfig('/usr').get(['*']));
    }
  });

  it('lists every directive that a node is set up with', () => {
    const names = settings.map((setting) => findEntry(setting.split(' ')[0])?.name);
    expect(EXPECTED.filter((name) => !names.some((each) => each === name))).toEqual([]);
  });
});
