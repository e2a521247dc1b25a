/** Masters and replicas as processes, ours and Redis's own. */
import { expect } from 'vitest';
import type { RunningServer } from '../../support/process.js';
import { RawClient } from '../../support/rawclient.js';

export type Kind = 'shoal' | 'redis';

export class Node {
  readonly server: RunningServer;
  readonly client: RawClient;

  private constructor(server: RunningServer, client: RawClient) {
    this.server = server;
    this.client = client;
  }

  static async connect(server: RunningServer): Promise<Node> {
    return new Node(server, await RawClient.connect(server.port));
  }

  async call(...args: string[]): Promise<string> {
    const reply = await this.client.call(...args);
    return 'text' in reply ? String(reply.text) : JSON.stringify(reply);
  }

  async info(field: string): Promise<string> {
    const found = new RegExp(`^${field}:(.*)\r$`, 'm').exec(await this.call('INFO'));
    return found?.[1] ?? '';
  }

  async config(...settings: string[]): Promise<void> {
    expect(await this.call('CONFIG', 'SET', ...settings)).toBe('OK');
  }

  /** Follows `port` and waits until the link is up. */
  async follow(port: number): Promise<void> {
    await this.call('REPLICAOF', '127.0.0.1', String(port));
    await this.untilInfo('master_link_status', 'up');
  }

  async untilInfo(field: string, value: string): Promise<void> {
    await until(`${field} is ${value}`, async () => (await this.info(field)) === value);
  }

  digest(): Promise<string> {
    return this.call('DEBUG', 'DIGEST');
  }

  /** Stops the process, or lets it go on. */
  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    process.kill(this.server.pid, name);
  }
}

export async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`waited in vain for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}

/** The replica has done all that the master has. */
export async function caughtUp(master: Node, replica: Node): Promise<void> {
  await until('same offset', async () => {
    const offset = await master.info('master_repl_offset');
    return (await replica.info('slave_repl_offset')) === offset && offset === (await master.info('master_repl_offset'));
  });
}

export async function expectSame(master: Node, replica: Node): Promise<void> {
  await caughtUp(master, replica);
  expect(await replica.digest()).toBe(await master.digest());
}
