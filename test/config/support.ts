/** What the configuration tests share: a Config on the real file system, and the real server's word on it. */
import { spawnSync } from 'node:child_process';
import { openSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { globMatch } from '../../src/base/glob.js';
import { Config } from '../../src/config/config.js';
import { findEntry } from '../../src/config/directives.js';
import { ConfigError, loadConfig, type ReaderHost, type Sources } from '../../src/config/reader.js';
import type { RawClient } from '../support/rawclient.js';
import type { Reply } from '../support/resp.js';

/** What stands in error messages, so that they can be compared with the real server's. */
export const BANNER = 'Redis 7.0.15';

export const REMOTE = { isLocal: false, isLoading: false };

/** Directives of Redis 7.2, which 7.0.15 does not know. */
export const NEWER = [
  'locale-collate',
  'cluster-announce-human-nodename',
  'set-max-listpack-entries',
  'set-max-listpack-value',
];

export function newConfig(directory = '/'): Config {
  return new Config({
    directory,
    changeDirectory(current, target) {
      const path = resolve(current, target);
      const error = systemError(() => {
        if (!statSync(path).isDirectory()) throw Object.assign(new Error(), { code: 'ENOTDIR' });
      });
      return error === undefined ? { ok: true, path } : { ok: false, error };
    },
  });
}

/** Sets one directive as a configuration line does. */
export function assign(config: Config, name: string, ...words: string[]): string | undefined {
  const entry = findEntry(name);
  if (entry === undefined) throw new Error(`no directive ${name}`);
  return config.assign(entry, words);
}

export function hostFor(config: Config): ReaderHost {
  const commands = new Set(['get', 'set', 'config']);
  const absolute = (path: string) => resolve(config.values.dir, path);
  return {
    readFile(path) {
      let text = '';
      const error = systemError(() => {
        text = readFileSync(absolute(path), 'latin1');
      });
      return error === undefined ? { ok: true, text } : { ok: false, error };
    },
    glob(pattern) {
      const name = Buffer.from(basename(pattern));
      const folder = dirname(pattern);
      const matches = (each: string) => globMatch(name, 0, name.length, Buffer.from(each), 0, each.length);
      return readdirSync(absolute(folder))
        .filter(matches)
        .sort()
        .map((each) => join(folder, each));
    },
    checkLogFile: (path) => systemError(() => openSync(absolute(path), 'a')),
    renameCommand(from, to) {
      if (!commands.delete(from.toLowerCase())) return 'No such command in rename-command';
      if (commands.has(to)) return 'Target command name already exists';
      commands.add(to);
      return undefined;
    },
    addUser: (words) => (words[0] === 'broken' ? `Error in user declaration 'broken': Syntax error` : undefined),
  };
}

/** Loads the sources; the error that ends the loading, or nothing. */
export function load(config: Config, sources: Sources): ConfigError | undefined {
  try {
    loadConfig(config, sources, hostFor(config), BANNER);
    return undefined;
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
}

export function loadText(text: string, directory = '/'): { config: Config; error: ConfigError | undefined } {
  const config = newConfig(directory);
  return { config, error: load(config, { stdin: text }) };
}

/** Runs redis-server with a command line that it must refuse; what it printed while doing so. */
export function runRefused(args: readonly string[], cwd: string, stdin = ''): { stderr: string; stdout: string } {
  const { stderr, stdout, status } = spawnSync('redis-server', args, {
    cwd,
    input: stdin,
    encoding: 'latin1',
    timeout: 5000,
  });
  if (status !== 1) throw new Error(`redis-server ${args.join(' ')} was not refused (status ${status}):\n${stdout}`);
  return { stderr, stdout };
}

export function writeConf(dir: string, name: string, text: string): string {
  const path = join(dir, name);
  writeFileSync(path, text, 'latin1');
  return path;
}

/** CONFIG GET of the real server, as a map. */
export async function realGet(client: RawClient, ...patterns: string[]): Promise<Map<string, string>> {
  const texts = items(await client.call('CONFIG', 'GET', ...patterns));
  const found = new Map<string, string>();
  for (let i = 0; i < texts.length; i += 2) found.set(texts[i], texts[i + 1]);
  return found;
}

/** The texts of an array reply. */
export function items(reply: Reply): string[] {
  if (reply.type !== 'array') throw new Error(`expected an array, got ${JSON.stringify(reply)}`);
  return reply.items.map((item) => (item.type === 'bulk' ? item.text : `<${item.type}>`));
}

function systemError(action: () => void): string | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    const texts: Record<string, string> = {
      ENOENT: 'No such file or directory',
      ENOTDIR: 'Not a directory',
      EISDIR: 'Is a directory',
      EACCES: 'Permission denied',
    };
    return texts[code] ?? String(error);
  }
}
