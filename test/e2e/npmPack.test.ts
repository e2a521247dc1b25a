/** The package as people get it: packed, installed in an empty folder, run with npx. */
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../support/ports.js';
import { tempDir } from '../support/process.js';
import { ask, type Daemon, launch, REPOSITORY, run, until } from './support/daemon.js';

const home = tempDir('shoal-pack-');
const app = join(home, 'app');
const daemons: Daemon[] = [];

/** Packing builds from scratch: not in the folder whose dist/ the other tests run from. */
function copyOfTheRepository(): string {
  const copy = join(home, 'repository');
  mkdirSync(copy);
  const { files } = JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8')) as { files: string[] };
  const packed = files.filter((file) => !file.startsWith('!') && file !== 'dist');
  for (const name of [...packed, 'package.json', 'tsconfig.json', 'scripts', 'src']) {
    cpSync(join(REPOSITORY, name), join(copy, name), { recursive: true });
  }
  symlinkSync(join(REPOSITORY, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}

beforeAll(async () => {
  const cwd = copyOfTheRepository();
  const packed = await run('npm', ['pack', '--pack-destination', home, '--loglevel', 'error'], { cwd });
  if (packed.code !== 0) throw new Error(`npm pack failed:\n${packed.output}`);
  const tarball = readdirSync(home).find((file) => file.endsWith('.tgz'));
  mkdirSync(app);
  writeFileSync(join(app, 'package.json'), '{ "name": "app", "private": true }');
  const args = [
    'install',
    '--no-audit',
    '--no-fund',
    '--prefer-offline',
    '--loglevel',
    'error',
    join(home, tarball ?? ''),
  ];
  const installed = await run('npm', args, { cwd: app });
  if (installed.code !== 0) throw new Error(`npm install failed:\n${installed.output}`);
}, 120_000);

afterAll(() => Promise.all(daemons.map((daemon) => daemon.end())));

describe('the packed package in an empty folder', () => {
  it('holds what runs and what explains, and nothing else', () => {
    const files = readdirSync(join(app, 'node_modules/shoal'));
    expect(files.sort()).toEqual([
      'ARCHITECTURE.md',
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'bin',
      'dist',
      'docs',
      'package.json',
      'redis.conf',
    ]);
  });

  it('installs no more than a handful of packages, none with an install script', () => {
    const packages = readdirSync(join(app, 'node_modules')).filter((name) => !name.startsWith('.'));
    expect(packages.length).toBeLessThan(40);
  });

  it('runs npx shoal-server', async () => {
    const port = await freePort();
    const daemon = launch(['--no-install', 'shoal-server', '--port', String(port)], { program: 'npx', cwd: app });
    daemons.push(daemon);
    await daemon.ready();
    expect(await ask(port, 'SET', 'k', 'v')).toBe('OK');
    await ask(port, 'SHUTDOWN', 'NOSAVE').catch(() => 'closed');
    await daemon.prints('bye bye');
    await daemon.ending;
    await until('nobody listens', () =>
      ask(port, 'PING').then(
        () => false,
        () => true,
      ),
    );
  });

  it('runs npx shoal-server with the redis.conf that comes along', async () => {
    const port = await freePort();
    const conf = join(app, 'node_modules/shoal/redis.conf');
    const args = ['--no-install', 'shoal-server', conf, '--port', String(port), '--bind', '127.0.0.1'];
    const daemon = launch(args, { program: 'npx', cwd: app });
    daemons.push(daemon);
    await daemon.ready();
    expect(await ask(port, 'INFO', 'server')).toContain(`config_file:${conf}\r\n`);
    await ask(port, 'SHUTDOWN', 'NOSAVE').catch(() => 'closed');
    await daemon.ending;
  });

  it('runs npx trib', async () => {
    const { code, output } = await run('npx', ['--no-install', 'trib', 'help'], { cwd: app });
    expect(code).toBe(0);
    for (const command of ['create', 'check', 'info', 'call'])
      expect(output).toMatch(new RegExp(`^ +${command}\\b`, 'm'));
    const port = await freePort();
    const refused = await run('npx', ['--no-install', 'trib', 'check', `127.0.0.1:${port}`], { cwd: app });
    expect(refused.code).toBe(1);
    expect(refused.output).toContain(`[ERR] Sorry, can't connect to node 127.0.0.1:${port}`);
  });
});
