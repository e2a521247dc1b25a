import type { Config } from '../config/config.js';
import { VERSION } from './version.js';

/** What standard output opens with: version, mode, port and pid, as operators and tools look for them. */
export function banner(config: Config, pid: number): string {
  const mode = config.values['cluster-enabled'] ? 'cluster' : 'standalone';
  const port = config.values.port;
  return `
        ><(((º>
   ><(((º>       ><(((º>      Shoal ${VERSION} (Node.js ${process.versions.node}, ${process.arch})
 ><(((º>   ><(((º>
      ><(((º>   ><(((º>       Running in ${mode} mode
   ><(((º>   ><(((º>          Port: ${port}
        ><(((º>               PID: ${pid}

`;
}

export const VERSION_LINE = `Shoal server v=${VERSION} node=${process.versions.node} bits=64\n`;

export const USAGE = `Usage: shoal-server [/path/to/redis.conf] [options] [-]
       shoal-server - (read config from stdin)
       shoal-server -v or --version
       shoal-server -h or --help
       shoal-server --check-rdb <rdb-file-name>
       shoal-server --check-aof [--fix|--truncate-to-timestamp $timestamp] <file.manifest|file.aof>

Examples:
       shoal-server (run the server with default conf)
       echo 'maxmemory 128mb' | shoal-server -
       shoal-server /etc/redis/6379.conf
       shoal-server --port 7777
       shoal-server --port 7000 --cluster-enabled yes --appendonly yes
       shoal-server /etc/myredis.conf --loglevel verbose -
       shoal-server /etc/myredis.conf --loglevel verbose
`;
