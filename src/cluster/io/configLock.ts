/**
 * Keeps two servers off one nodes.conf. Node.js has no flock(2), and a lock file with a pid in it has to guess after
 * kill -9 whether its owner lives. A local socket does not: the kernel lets one process listen on a name and frees the
 * name when that process is gone, however it ended.
 *
 *     Linux     abstract socket "\0shoal-cluster-config-<hash>": nothing on disk, no race
 *     Windows   named pipe of that name
 *     others    a socket file in the temporary directory; one that nobody listens on any more is replaced
 *
 * The name is made from device and inode of the directory and the name of the file, so two paths to one file meet. The
 * lock holds among the processes of one host and one network namespace; it does not see servers of other hosts that
 * share the directory.
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

export class ConfigLock {
  readonly #server: net.Server;

  private constructor(server: net.Server) {
    this.#server = server;
  }

  /** The lock, or undefined when another server holds it. Throws when the directory cannot be read. */
  static async acquire(filePath: string): Promise<ConfigLock | undefined> {
    const name = lockName(filePath);
    let server = await listen(name);
    if (server === undefined && isSocketFile(name) && !(await answers(name))) {
      fs.rmSync(name, { force: true });
      server = await listen(name);
    }
    return server === undefined ? undefined : new ConfigLock(server);
  }

  release(): Promise<void> {
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}

function lockName(filePath: string): string {
  const directory = fs.statSync(path.dirname(filePath), { bigint: true });
  const identity = `${directory.dev}:${directory.ino}:${path.basename(filePath)}`;
  const name = `shoal-cluster-config-${createHash('sha256').update(identity).digest('hex').slice(0, 32)}`;
  if (process.platform === 'linux') return `\0${name}`;
  if (process.platform === 'win32') return `\\\\.\\pipe\\${name}`;
  return path.join(os.tmpdir(), name);
}

function isSocketFile(name: string): boolean {
  return process.platform !== 'linux' && process.platform !== 'win32' && fs.existsSync(name);
}

/** Undefined when the name is taken. */
function listen(name: string): Promise<net.Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = net.createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    server.listen({ path: name, exclusive: true }, () => {
      server.unref();
      resolve(server);
    });
  });
}

function answers(name: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(name);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
