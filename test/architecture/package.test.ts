import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { REDIS_VERSION, VERSION } from '../../src/server/version.js';
import { REPOSITORY, readSources } from './sources.js';

interface Package {
  readonly version: string;
  readonly type: string;
  readonly bin: Readonly<Record<string, string>>;
  readonly files: readonly string[];
  readonly dependencies: Readonly<Record<string, string>>;
  readonly scripts: Readonly<Record<string, string>>;
}

const manifest = JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8')) as Package;

describe('the package', () => {
  it('and the server name one version', () => {
    expect(VERSION).toBe(manifest.version);
  });

  it('tells clients a Redis 7.2', () => {
    expect(REDIS_VERSION).toMatch(/^7\.2\.\d+$/);
  });

  it('has executable programs for its bins', () => {
    for (const [name, file] of Object.entries(manifest.bin)) {
      expect({ name, mode: statSync(join(REPOSITORY, file)).mode & 0o111 }).toEqual({ name, mode: 0o111 });
      expect(readFileSync(join(REPOSITORY, file), 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
    }
  });

  it('packs files that are there', () => {
    const named = manifest.files.filter((file) => !file.startsWith('!') && file !== 'dist');
    expect(named.filter((file) => !existsSync(join(REPOSITORY, file)))).toEqual([]);
  });

  it('declares every package that src/ imports at run time, and no other', () => {
    const imported = new Set<string>();
    for (const { imports } of readSources()) {
      for (const { specifier, file } of imports) {
        if (file !== undefined || specifier.startsWith('node:')) continue;
        imported.add(specifier.startsWith('@') ? specifier.split('/').slice(0, 2).join('/') : specifier.split('/')[0]);
      }
    }
    expect([...imported].sort()).toEqual(Object.keys(manifest.dependencies).sort());
  });

  it('runs no script of its own when it is installed', () => {
    for (const hook of ['preinstall', 'install', 'postinstall', 'prepare'])
      expect(manifest.scripts).not.toHaveProperty(hook);
  });

  it('comes with its documents, a licence and a commented configuration', () => {
    for (const file of [
      'README.md',
      'ARCHITECTURE.md',
      'CHANGELOG.md',
      'LICENSE',
      'redis.conf',
      '.ci/run',
      'biome.json',
    ]) {
      expect({ file, there: existsSync(join(REPOSITORY, file)) }).toEqual({ file, there: true });
    }
  });
});
