/** The oracle: a real redis-server, where the machine has one. */
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe } from 'vitest';
import { type RunningServer, startServerProcess } from './process.js';
import { RawClient } from './rawclient.js';

/** The version of the redis-server on PATH (`7.0.15`), or undefined where there is none. */
export function redisServerOnPath(): string | undefined {
  try {
    const text = execFileSync('redis-server', ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    return /v=(\S+)/.exec(text)?.[1];
  } catch {
    return undefined;
  }
}

/** Starts a redis-server that saves nothing unless `args` say so. */
export function startRedis(args: readonly string[] = []): Promise<RunningServer> {
  const quiet = args.includes('--save') ? [] : ['--save', ''];
  return startServerProcess(['redis-server'], [...quiet, ...args]);
}

/** The real server of a suite and a connection to it: there once the first test runs. */
export interface RealServer {
  readonly port: number;
  readonly client: RawClient;
}

/** A suite that needs a real server: started before its first test, ended after the last. Skipped, loudly, without one. */
export function describeWithRedis(title: string, suite: (redis: RealServer) => void): void {
  const missing = redisServerOnPath() === undefined;
  if (missing) skipLoudly(title);
  describe.skipIf(missing)(title, () => {
    let server: RunningServer;
    let client: RawClient;
    beforeAll(async () => {
      server = await startRedis();
      client = await RawClient.connect(server.port);
    });
    afterAll(async () => {
      client?.close();
      await server?.stop();
    });
    suite({
      get port() {
        return server.port;
      },
      get client() {
        return client;
      },
    });
  });
}

/** Why a half that needs the real server does not run. Printed, so that a skip is never silent. */
export function skipLoudly(what: string): void {
  process.stderr.write(`\nSKIPPED: ${what}: there is no redis-server on PATH to compare with\n`);
}
